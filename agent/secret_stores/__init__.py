"""Where references lead: AWS Secrets Manager, Vault, Kubernetes. Asked by the agent, from the customer's own network."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.protocol import SecretReference


class SecretUnavailableError(Exception):
    """A secret could not be read; the message says why and what to do, and holds no value."""


class SecretStore(Protocol):
    """One store."""

    async def read(self, secret: str) -> str:
        """Answer the value; raise SecretUnavailableError."""


class SecretStores:
    """All stores, asked once per secret and `ttl` seconds."""

    def __init__(
        self, stores: Mapping[str, SecretStore], *, ttl: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stores = stores
        self.ttl = ttl
        self._now = now
        self._known: dict[tuple[str, str], tuple[float, str]] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def read(self, reference: SecretReference) -> str:
        """Answer the value, at most `ttl` seconds old; raise SecretUnavailableError."""
        key = (reference.store, reference.secret)
        store = self._stores.get(reference.store)
        if store is None:
            raise SecretUnavailableError(f"This agent knows no secret store {reference.store!r}. Upgrade it.")
        async with self._locks.setdefault(key, asyncio.Lock()):
            until, value = self._known.get(key, (0.0, ""))
            if self._now() >= until:
                value = await store.read(reference.secret)
                self._known[key] = (self._now() + self.ttl, value)
        return value


def key_of(document: str, key: str, *, where: str) -> str:
    """Answer one key of a secret that is a JSON object."""
    try:
        fields: Any = json.loads(document)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise SecretUnavailableError(
            f"{where} is no JSON object, so it has no key {key}. Leave out #{key} for all of it."
        )
    return field_of(fields, key, where=where)


def field_of(fields: Mapping[str, Any], key: str, *, where: str) -> str:
    """Answer one field as text."""
    if key not in fields:
        raise SecretUnavailableError(f"{where} has no key {key}.")
    value = fields[key]
    return value if isinstance(value, str) else json.dumps(value)
