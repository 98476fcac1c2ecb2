"""Source archives: the files of a project as one gzipped tar, kept once under the sha256 of its bytes.

What is in an archive is the customer's; the control plane checks its size and its hash here, and never unpacks it.
"""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Now

from controlplane.core.objects import MissingObjectError, store
from controlplane.definitions.services import is_sha256
from controlplane.deployments.models import SourceArchive
from tenants.errors import InvalidError, NotFoundError, QuotaExceededError, TooLargeError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import require_room
from tenants.scoping import org_scope

# The first bytes of every gzip file.
_GZIP = b"\x1f\x8b"


def missing(org_id: UUID, sha256s: Iterable[str]) -> list[str]:
    """Which of these archives have to be uploaded; call it outside of org_scope, for it asks the object store."""
    asked = list(dict.fromkeys(sha256s))
    for sha256 in asked:
        _check_name(sha256)
    with org_scope(org_id):
        known = SourceArchive.objects.for_org(org_id).filter(sha256__in=asked)
        # Asked for, so it will be used: the sweep must not take it before the deploy comes.
        known.update(used_at=Now())
        rows = set(known.values_list("sha256", flat=True))
    # A sweep that took the bytes just when somebody stored them again leaves a row without bytes: an upload heals that.
    there = {sha256 for sha256 in rows if store().exists(object_key(org_id, sha256))}
    return [sha256 for sha256 in asked if sha256 not in there]


def store_archive(*, org_id: UUID, sha256: str, content: bytes) -> None:
    """Keep an archive. TooLargeError when it is too large, InvalidError when it is no gzip or not what the hash says,
    QuotaExceededError when the organization keeps as much as it may.

    Storing twice changes nothing. Call it outside of org_scope: it speaks to the object store.
    """
    _check_name(sha256)
    if len(content) > settings.MAX_SOURCE_BYTES:
        raise too_large()
    if not content.startswith(_GZIP):
        raise InvalidError("A source archive is a gzipped tar (.tar.gz); this is something else.")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InvalidError("The archive does not have the sha256 it was sent under. Send it again.")
    with org_scope(org_id):
        _require_room(org_id, sha256, len(content))
    store().put(object_key(org_id, sha256), content)
    try:
        with org_scope(org_id):
            # Others may have stored some meanwhile.
            _require_room(org_id, sha256, len(content))
            row = SourceArchive(org_id=org_id, sha256=sha256, bytes=len(content))
            SourceArchive.unscoped.bulk_create([row], ignore_conflicts=True)
    except QuotaExceededError:
        store().delete(object_key(org_id, sha256))
        raise


def kept_bytes(org_id: UUID) -> int:
    """Bytes of all archives of an organization; call it inside org_scope."""
    return int(SourceArchive.objects.for_org(org_id).aggregate(total=Sum("bytes"))["total"] or 0)


def _require_room(org_id: UUID, sha256: str, size: int) -> None:
    if not SourceArchive.objects.for_org(org_id).filter(sha256=sha256).exists():
        require_room(org_id, QuotaName.SOURCE_BYTES, used=lambda: kept_bytes(org_id), more=size)


def too_large() -> TooLargeError:
    """What is said of an archive, or of a request with one, above the limit."""
    return TooLargeError(
        f"The source archive is larger than {settings.MAX_SOURCE_BYTES} bytes, which is what this installation allows "
        "(DAGGERBOARD_MAX_SOURCE_BYTES). Leave out data and build results: what .gitignore names is not packed."
    )


def use(org_id: UUID, sha256: str) -> SourceArchive:
    """The row of an archive that is being deployed; NotFoundError when it was never uploaded. Call it inside org_scope.

    The row stays locked: a sweep that looks at it now sees that it is used.
    """
    found = SourceArchive.objects.for_org(org_id).select_for_update().filter(sha256=sha256).first()
    if found is None:
        raise NotFoundError(f"There is no source archive {sha256}. Upload it before it is deployed.")
    SourceArchive.objects.for_org(org_id).filter(sha256=sha256).update(used_at=Now())
    return found


def sizes(org_id: UUID, sha256s: Iterable[str]) -> dict[str, int]:
    """Bytes of each of these archives; those that are gone are left out. Call it inside org_scope."""
    found = SourceArchive.objects.for_org(org_id).filter(sha256__in=set(sha256s))
    return dict(found.values_list("sha256", "bytes"))


def content(org_id: UUID, sha256: str) -> bytes:
    """The bytes of an archive; NotFoundError when there is none."""
    _check_name(sha256)
    try:
        return store().get(object_key(org_id, sha256))
    except MissingObjectError as error:
        raise NotFoundError(f"There is no source archive {sha256}.") from error


def object_key(org_id: UUID, sha256: str) -> str:
    """Where the archive lies in the object store."""
    return f"sources/{org_id}/{sha256}.tar.gz"


def _check_name(sha256: str) -> None:
    if not is_sha256(sha256):
        raise InvalidError("A source archive is named by its sha256, in 64 lower-case hexadecimal digits.")
