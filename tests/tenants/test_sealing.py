"""Sealed secrets: they open where they were sealed and nowhere else, under the right master key and no other."""

import base64
import os

import pytest
from django.conf import settings
from django.test import override_settings

from tenants.scoping import org_scope
from tenants.sealing import SealingError, key_name, open_sealed, rewrap_data_keys, seal, sealing_key
from tenants.sealing_keys.models import DataKey

SECRET = b"s3cr3t-value"


def test_sealed_value_opens_where_it_was_sealed(cast):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)

    assert SECRET not in sealed
    assert open_sealed(cast.org_id, "environment", "row-1", sealed) == SECRET


def test_sealed_value_moved_to_another_row_or_purpose_does_not_open(cast):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)

    for purpose, row in [
        ("environment", "row-2"),
        ("sso", "row-1"),
        ("environmentr", "ow-1"),
        ("environmen", "trow-1"),
    ]:
        with pytest.raises(SealingError, match="belongs to another row"):
            open_sealed(cast.org_id, purpose, row, sealed)


def test_sealed_value_moved_to_another_organization_does_not_open(cast, outsider):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)

    with pytest.raises(SealingError, match="belongs to another row"):
        open_sealed(outsider.org_id, "environment", "row-1", sealed)


def test_data_key_moved_to_another_organization_does_not_open_there(cast, outsider):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)
    seal(outsider.org_id, "environment", "row-1", SECRET)
    with org_scope(cast.org_id):
        wrapped = DataKey.objects.for_org(cast.org_id).get().wrapped
    with org_scope(outsider.org_id):
        DataKey.objects.for_org(outsider.org_id).update(wrapped=wrapped)

    with pytest.raises(SealingError, match="data key of this organization was changed"):
        open_sealed(outsider.org_id, "environment", "row-1", sealed)


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_changed_value_does_not_open(cast, place):
    sealed = bytearray(seal(cast.org_id, "environment", "row-1", SECRET))
    sealed[place] ^= 1

    with pytest.raises(SealingError):
        open_sealed(cast.org_id, "environment", "row-1", bytes(sealed))


def test_truncated_value_does_not_open(cast):
    with pytest.raises(SealingError):
        open_sealed(cast.org_id, "environment", "row-1", b"\x01short")


def test_wrong_master_key_is_named_and_not_shown(cast):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)
    other = os.urandom(32)

    with override_settings(MASTER_KEYS=[other]), pytest.raises(SealingError) as refused:
        open_sealed(cast.org_id, "environment", "row-1", sealed)

    assert key_name(other) in refused.value.message
    assert "DAGGERBOARD_MASTER_KEY" in refused.value.message
    assert base64.b64encode(other).decode() not in refused.value.message


def test_nonces_never_repeat(cast):
    key = sealing_key(cast.org_id)

    nonces = {key.seal("environment", "row-1", SECRET)[1:13] for _ in range(20_000)}

    assert len(nonces) == 20_000


def test_rotation_wraps_data_keys_by_the_newest_and_keeps_secrets(cast):
    sealed = seal(cast.org_id, "environment", "row-1", SECRET)
    old, new = settings.MASTER_KEYS, os.urandom(32)

    with override_settings(MASTER_KEYS=[new, *old]):
        assert open_sealed(cast.org_id, "environment", "row-1", sealed) == SECRET
        assert rewrap_data_keys().count >= 1
        assert rewrap_data_keys().count == 0
    with override_settings(MASTER_KEYS=[new]):
        assert open_sealed(cast.org_id, "environment", "row-1", sealed) == SECRET
    with override_settings(MASTER_KEYS=[*old, new]):
        rewrap_data_keys()


def test_rotation_names_the_organizations_whose_key_it_cannot_open(cast):
    lost = os.urandom(32)
    with override_settings(MASTER_KEYS=[lost]):
        seal(cast.org_id, "environment", "row-1", SECRET)

    assert key_name(lost) in rewrap_data_keys().failed[cast.org_id]


def test_a_key_does_not_print_itself(cast):
    assert sealing_key(cast.org_id).key.hex() not in repr(sealing_key(cast.org_id))
    assert str(sealing_key(cast.org_id).key) not in repr(sealing_key(cast.org_id))
