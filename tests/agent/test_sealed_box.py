"""Values sealed to an agent's key."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.box_key import BoxKey
from agent.sealed_box import BoxError, key_id, seal_box


def test_box_opens_with_the_agents_key_after_a_restart(tmp_path):
    first = BoxKey(tmp_path / "box.key")
    box = seal_box(base64.b64decode(first.public_key), "PASSWORD", "höchst geheim")

    again = BoxKey(tmp_path / "box.key")

    assert again.open("PASSWORD", box) == "höchst geheim"
    assert again.key_id == key_id(base64.b64decode(first.public_key))
    assert (tmp_path / "box.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["name", "key", "bytes", "nonsense"])
def test_box_opens_for_nobody_and_nothing_else(tmp_path, change):
    key = BoxKey(tmp_path / "box.key")
    public = base64.b64decode(key.public_key)
    if change == "key":
        public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    box = seal_box(public, "OTHER" if change == "name" else "PASSWORD", "secret")
    if change == "bytes":
        data = bytearray(base64.b64decode(box))
        data[-1] ^= 1
        box = base64.b64encode(data).decode()

    with pytest.raises(BoxError, match="PASSWORD"):
        key.open("PASSWORD", "%" if change == "nonsense" else box)
