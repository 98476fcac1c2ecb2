"""Secrets at rest: sealed with AES-256-GCM under a data key of their organization, which the installation's master key wraps.

A sealed value opens only where it was sealed: organization, purpose and row are bound to it, so that one copied to another
row, by mistake or on purpose, does not open. Reading the database alone reads no secret; nor do backups of it.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import IntegrityError, transaction

from tenants.errors import UnavailableError
from tenants.scoping import org_scope
from tenants.sealing_keys.models import DataKey

# The first byte of everything sealed: what follows is a nonce and an AES-256-GCM ciphertext with its tag.
_FORM = b"\x01"
# Random, 96 bits as GCM wants them: below 2^32 values of one organization, no two are alike.
_NONCE_BYTES = 12
_KEY_BITS = 256


class SealingError(UnavailableError):
    """A stored secret cannot be opened."""

    code = "sealed"


@dataclass(frozen=True)
class SealingKey:
    """One organization's data key, for several values at once."""

    org_id: UUID
    key: bytes

    def __repr__(self) -> str:
        return f"SealingKey(org_id={self.org_id})"

    def seal(self, purpose: str, row_id: UUID | str, plaintext: bytes) -> bytes:
        """As `seal`."""
        return _encrypted(self.key, plaintext, _place(self.org_id, purpose, row_id))

    def open(self, purpose: str, row_id: UUID | str, sealed: bytes) -> bytes:
        """As `open_sealed`."""
        try:
            return _decrypted(self.key, bytes(sealed), _place(self.org_id, purpose, row_id))
        except InvalidTag as error:
            raise SealingError(
                f"The stored secret ({purpose} of {row_id}) was changed, or belongs to another row. Set its value again."
            ) from error


def sealing_key(org_id: UUID) -> SealingKey:
    """The organization's data key, made at first use. SealingError when its master key is not among the installation's."""
    with org_scope(org_id):
        row = DataKey.objects.for_org(org_id).first() or _new_data_key(org_id)
    return SealingKey(org_id, _unwrapped(row))


def seal(org_id: UUID, purpose: str, row_id: UUID | str, plaintext: bytes) -> bytes:
    """Seal a secret for one place: the organization, what it is for (`environment`, `sso`, …), and the row it is stored in."""
    return sealing_key(org_id).seal(purpose, row_id, plaintext)


def open_sealed(org_id: UUID, purpose: str, row_id: UUID | str, sealed: bytes) -> bytes:
    """The secret; SealingError when it was sealed for another place, was changed, or its master key is missing."""
    return sealing_key(org_id).open(purpose, row_id, sealed)


@dataclass(frozen=True)
class Rewrapped:
    """How many data keys an older master key wrapped, and why the keys of some organizations are as they were."""

    count: int
    failed: dict[UUID, str]


def rewrap_data_keys() -> Rewrapped:
    """Wrap every data key by the newest master key. Secrets themselves stay as they are."""
    newest = _master_keys()[0]
    reason = "a new master key wraps the data keys of all organizations"
    old = DataKey.objects.across_orgs(reason=reason).exclude(master_key=key_name(newest))
    count, failed = 0, {}
    for org_id in list(old.values_list("org_id", flat=True)):
        try:
            _rewrap(org_id, newest)
            count += 1
        except SealingError as error:
            failed[org_id] = error.message
    return Rewrapped(count, failed)


def key_name(master_key: bytes) -> str:
    """By which a data key says who wraps it; tells nothing of the key itself."""
    return hashlib.sha256(b"daggerboard master key" + master_key).hexdigest()[:16]


def _rewrap(org_id: UUID, newest: bytes) -> None:
    with org_scope(org_id):
        row = DataKey.objects.for_org(org_id).select_for_update().get()
        row.wrapped, row.master_key = _wrapped(org_id, _unwrapped(row), newest), key_name(newest)
        row.save(update_fields=["wrapped", "master_key"])


def _new_data_key(org_id: UUID) -> DataKey:
    newest = _master_keys()[0]
    wrapped = _wrapped(org_id, AESGCM.generate_key(_KEY_BITS), newest)
    try:
        with transaction.atomic():
            return DataKey.objects.create_in(org_id, wrapped=wrapped, master_key=key_name(newest))
    except IntegrityError:
        # Another process made it in the meantime.
        return DataKey.objects.for_org(org_id).get()


def _wrapped(org_id: UUID, data_key: bytes, master_key: bytes) -> bytes:
    return _encrypted(master_key, data_key, _place(org_id, "data-key", org_id))


def _unwrapped(row: DataKey) -> bytes:
    by_name = {key_name(key): key for key in _master_keys()}
    if row.master_key not in by_name:
        raise SealingError(
            f"The secrets of this organization are sealed under master key {row.master_key}, and this installation has only "
            f"{', '.join(by_name)}. Add the missing one to DAGGERBOARD_MASTER_KEY, after the newest."
        )
    try:
        return _decrypted(by_name[row.master_key], bytes(row.wrapped), _place(row.org_id, "data-key", row.org_id))
    except InvalidTag as error:
        raise SealingError("The data key of this organization was changed. Restore the table data_key.") from error


def _master_keys() -> Sequence[bytes]:
    keys: Sequence[bytes] = settings.MASTER_KEYS
    return keys


def _place(org_id: UUID, purpose: str, row_id: UUID | str) -> bytes:
    # Length first, so that no two places write the same bytes.
    purpose_bytes = purpose.encode()
    return _FORM + org_id.bytes + len(purpose_bytes).to_bytes(2, "big") + purpose_bytes + str(row_id).encode()


def _encrypted(key: bytes, plaintext: bytes, place: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plaintext, place)


def _decrypted(key: bytes, sealed: bytes, place: bytes) -> bytes:
    if sealed[:1] != _FORM or len(sealed) <= 1 + _NONCE_BYTES:
        raise InvalidTag
    nonce = sealed[1 : 1 + _NONCE_BYTES]
    return AESGCM(key).decrypt(nonce, sealed[1 + _NONCE_BYTES :], place)
