"""Secrets of people, sealed under the installation's newest master key: a person belongs to no one organization whose key could."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tenants.errors import UnavailableError

_NONCE_BYTES = 12


def seal_personal(purpose: str, text: str) -> bytes:
    """Seal a text for one purpose (`totp`, `mail`); it opens for no other."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(settings.MASTER_KEYS[0])).encrypt(nonce, text.encode(), purpose.encode())


def open_personal(purpose: str, sealed: bytes) -> str:
    """The text; UnavailableError when no master key of the installation opens it."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    for master_key in settings.MASTER_KEYS:
        try:
            return AESGCM(_key(master_key)).decrypt(nonce, ciphertext, purpose.encode()).decode()
        except InvalidTag:
            continue
    raise UnavailableError(
        "A secret of a person is sealed under a master key that this installation has not. Add it to DAGGERBOARD_MASTER_KEY."
    )


def seal_to_text(purpose: str, text: str) -> str:
    """As `seal_personal`, for columns of text."""
    return base64.b64encode(seal_personal(purpose, text)).decode()


def open_text(purpose: str, sealed: str) -> str:
    """As `open_personal`, for columns of text."""
    return open_personal(purpose, base64.b64decode(sealed))


def _key(master_key: bytes) -> bytes:
    # A key of its own: no message under the master key itself could ever be mistaken for one of these.
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"daggerboard people").derive(master_key)
