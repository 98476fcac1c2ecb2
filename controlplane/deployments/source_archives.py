"""Source archives: the files of a project as one gzipped tar, kept once under the sha256 of its bytes.

What is in an archive is the customer's; the control plane checks its size and its hash here, and never unpacks it.
"""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from controlplane.core.objects import MissingObjectError, store
from controlplane.definitions.services import is_sha256
from controlplane.deployments.models import SourceArchive
from tenants.errors import InvalidError, NotFoundError
from tenants.scoping import org_scope


def missing(org_id: UUID, sha256s: Iterable[str]) -> list[str]:
    """Which of these archives have to be uploaded; call it anywhere."""
    asked = list(dict.fromkeys(sha256s))
    for sha256 in asked:
        _check_name(sha256)
    with org_scope(org_id):
        known = SourceArchive.objects.for_org(org_id).filter(sha256__in=asked)
        # Asked for, so it will be used: the sweep must not take it before the deploy comes.
        known.update(used_at=Now())
        there = set(known.values_list("sha256", flat=True))
    return [sha256 for sha256 in asked if sha256 not in there]


def store_archive(*, org_id: UUID, sha256: str, content: bytes) -> None:
    """Keep an archive. InvalidError when it is too large, or not what the hash says; storing twice changes nothing."""
    _check_name(sha256)
    if len(content) > settings.MAX_SOURCE_BYTES:
        raise InvalidError(
            f"The archive has {len(content)} bytes; {settings.MAX_SOURCE_BYTES} are allowed. "
            "Leave out data and build results: what .gitignore names is not packed."
        )
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InvalidError("The archive does not have the sha256 it was sent under. Send it again.")
    store().put(object_key(org_id, sha256), content)
    with org_scope(org_id):
        row = SourceArchive(org_id=org_id, sha256=sha256, bytes=len(content))
        SourceArchive.unscoped.bulk_create([row], ignore_conflicts=True)


def archive(org_id: UUID, sha256: str) -> SourceArchive:
    """One archive's row; NotFoundError when it was never uploaded. Call it inside org_scope."""
    found = SourceArchive.objects.for_org(org_id).filter(sha256=sha256).first()
    if found is None:
        raise NotFoundError(f"There is no source archive {sha256}. Upload it before it is deployed.")
    return found


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
