"""The agent's own key pair: made once, kept in its home folder, and told to the control plane by its public half."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.files import read_or_none, write_atomically
from agent.sealed_box import key_id, open_box

if TYPE_CHECKING:
    from pathlib import Path


class BoxKey:
    """Opens what was sealed to this agent."""

    def __init__(self, path: Path) -> None:
        data = read_or_none(path)
        if data is None:
            self._private = X25519PrivateKey.generate()
            write_atomically(path, self._private.private_bytes_raw(), durable=True)
        else:
            self._private = X25519PrivateKey.from_private_bytes(data)

    @property
    def public_key(self) -> str:
        """Answer the public half in Base64."""
        return base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    @property
    def key_id(self) -> str:
        return key_id(self._private.public_key().public_bytes_raw())

    def open(self, name: str, box: str) -> str:
        """Answer a variable's value; raise BoxError."""
        return open_box(self._private, name, box)
