"""Source archives that nobody needs: uploaded and never deployed, or of code locations that were deleted."""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from controlplane.core.objects import store
from controlplane.deployments.models import LocationVersion, SourceArchive
from controlplane.deployments.source_archives import object_key
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Few enough for one turn of a worker; the rest comes with the next.
_AT_ONCE = 200


def sweep() -> None:
    """Remove what is due, some at a time, in whichever organization."""
    old = _old(SourceArchive.objects.across_orgs(reason="source archives that no version is made of"))
    for org_id, sha256 in list(old.values_list("org_id", "sha256")[:_AT_ONCE]):
        remove_unused(org_id=org_id, sha256=sha256)


def remove_unused(*, org_id: UUID, sha256: str) -> bool:
    """Remove one archive, unless it is used after all; call it outside of org_scope.

    The row goes first. Who uploads the same archive between the two steps may lose its bytes: `source_archives.missing` looks for them.
    """
    with org_scope(org_id):
        gone, _ = _old(SourceArchive.objects.for_org(org_id)).filter(sha256=sha256).delete()
    if gone:
        store().delete(object_key(org_id, sha256))
        log.info("source_archive.removed", org=str(org_id), sha256=sha256)
    return bool(gone)


def _old(archives: QuerySet[SourceArchive]) -> QuerySet[SourceArchive]:
    """Not used for long, and no version of a code location is made of them."""
    made_of = LocationVersion.unscoped.filter(org_id=OuterRef("org_id"), source_sha256=OuterRef("sha256"))
    kept = datetime.timedelta(days=settings.SOURCE_ARCHIVE_DAYS)
    return archives.filter(used_at__lt=Now() - kept).filter(~Exists(made_of))
