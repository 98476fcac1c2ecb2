"""Values that only one agent can open: X25519, HKDF-SHA256, AES-256-GCM. Part of the wire: whoever sets a variable seals, agents open.

A box is the sender's one-time public key (32 bytes), a nonce (12) and the ciphertext with its tag. The variable's name is
authenticated with it, so that a box put under another name does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12
_INFO = b"daggerboard sealed box 1"


class BoxError(Exception):
    """A sealed value does not open."""


def key_id(public_key: bytes) -> str:
    """By which a box says whose it is."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def seal_box(public_key: bytes, name: str, value: str) -> str:
    """Seal a variable's value to an agent's public key; Base64."""
    ours = X25519PrivateKey.generate()
    sender = ours.public_key().public_bytes_raw()
    key = _key(ours.exchange(X25519PublicKey.from_public_bytes(public_key)), sender, public_key)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, value.encode(), name.encode())
    return base64.b64encode(sender + nonce + sealed).decode()


def open_box(private_key: X25519PrivateKey, name: str, box: str) -> str:
    """The value; BoxError when it was sealed to another key, for another name, or changed."""
    try:
        data = base64.b64decode(box, validate=True)
        sender, nonce, sealed = data[:_KEY_BYTES], data[_KEY_BYTES:][:_NONCE_BYTES], data[_KEY_BYTES + _NONCE_BYTES :]
        shared = private_key.exchange(X25519PublicKey.from_public_bytes(sender))
        key = _key(shared, sender, private_key.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(nonce, sealed, name.encode()).decode()
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise BoxError(f"The value sealed for {name} does not open with this agent's key. Seal it anew.") from error


def _key(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_INFO + sender + receiver).derive(shared)
