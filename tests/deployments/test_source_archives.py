"""How long source archives are kept: as long as a version is made of them, and a while for what is about to be deployed."""

import datetime
import gzip
import hashlib

import pytest
from django.utils import timezone

from controlplane.core.objects import MissingObjectError, store
from controlplane.deployments import source_archives, source_sweep
from controlplane.deployments.models import SourceArchive
from controlplane.deployments.services import delete_location
from tenants.errors import NotFoundError, QuotaExceededError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import set_quota
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast


def uploaded(cast: Cast, *, days_ago: int) -> str:
    content = gzip.compress(str(days_ago).encode(), mtime=0)
    sha256 = hashlib.sha256(content).hexdigest()
    source_archives.store_archive(org_id=cast.org_id, sha256=sha256, content=content)
    with org_scope(cast.org_id):
        used_at = timezone.now() - datetime.timedelta(days=days_ago)
        SourceArchive.objects.for_org(cast.org_id).filter(sha256=sha256).update(used_at=used_at)
    return sha256


def is_kept(cast: Cast, sha256: str) -> bool:
    with org_scope(cast.org_id):
        row = bool(source_archives.sizes(cast.org_id, [sha256]))
    try:
        store().get(source_archives.object_key(cast.org_id, sha256))
    except MissingObjectError:
        assert not row
        return False
    assert row
    return True


def test_no_more_is_kept_than_the_quota_allows(cast: Cast) -> None:
    first = uploaded(cast, days_ago=1)
    with org_scope(cast.org_id):
        kept = source_archives.kept_bytes(cast.org_id)
    set_quota(org_id=cast.org_id, name=QuotaName.SOURCE_BYTES, value=kept + 1, actor=cast.actor)

    with pytest.raises(QuotaExceededError, match="bytes of source archives"):
        uploaded(cast, days_ago=22)
    # What is there already takes no more room.
    assert uploaded(cast, days_ago=1) == first
    with org_scope(cast.org_id):
        assert SourceArchive.objects.for_org(cast.org_id).count() == 1


def test_what_nobody_deployed_goes_after_some_days(cast: Cast) -> None:
    old, new = uploaded(cast, days_ago=8), uploaded(cast, days_ago=6)
    source_sweep.sweep()

    assert (is_kept(cast, old), is_kept(cast, new)) == (False, True)


def test_what_a_version_is_made_of_stays_until_its_location_is_deleted(cast: Cast) -> None:
    sha256 = uploaded(cast, days_ago=1)
    factories.deploy(cast, source_sha256=sha256)
    factories.deploy(cast)
    uploaded(cast, days_ago=1)
    with org_scope(cast.org_id):
        long_ago = timezone.now() - datetime.timedelta(days=400)
        SourceArchive.objects.for_org(cast.org_id).update(used_at=long_ago)
    source_sweep.sweep()
    assert is_kept(cast, sha256)

    delete_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)
    source_sweep.sweep()
    assert not is_kept(cast, sha256)


def test_asking_whether_it_is_there_keeps_it_for_the_deploy_that_follows(cast: Cast) -> None:
    sha256 = uploaded(cast, days_ago=8)
    assert source_archives.missing(cast.org_id, [sha256]) == []
    source_sweep.sweep()

    factories.deploy(cast, source_sha256=sha256)


def test_what_another_organization_has_uploaded_cannot_be_deployed(cast: Cast, outsider: Cast) -> None:
    sha256 = uploaded(cast, days_ago=0)

    with pytest.raises(NotFoundError, match="Upload it before"):
        factories.deploy(outsider, source_sha256=sha256)


def test_row_whose_bytes_are_gone_is_missing(cast: Cast) -> None:
    """A sweep that took them while they were uploaded again."""
    sha256 = uploaded(cast, days_ago=0)
    store().delete(source_archives.object_key(cast.org_id, sha256))

    assert source_archives.missing(cast.org_id, [sha256]) == [sha256]
