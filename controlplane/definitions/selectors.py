"""Reading definitions. Decoded manifests are kept per process, by hash, the most recently used first."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from agent.protocol import MAX_DECOMPRESSED_BYTES
from controlplane.core.decompression import gunzip
from controlplane.core.objects import MissingObjectError, store
from controlplane.definitions.manifest import MANIFEST_VERSION, Manifest
from controlplane.definitions.manifest_cache import ManifestCache
from controlplane.definitions.models import DefinitionsFile
from controlplane.definitions.services import is_sha256, object_key
from tenants.errors import InvalidError, NotFoundError
from tenants.scoping import read_scope

_decoder = msgspec.json.Decoder(Manifest)
# A decoded manifest takes about four times its bytes.
_cache = ManifestCache(max_bytes=96 * 1024 * 1024)


def missing(org_id: UUID, sha256s: Iterable[str]) -> list[str]:
    """Those of the files that this organization does not have, in the same order."""
    wanted = [sha256 for sha256 in dict.fromkeys(sha256s) if is_sha256(sha256)]
    with read_scope(org_id):
        stored = set(DefinitionsFile.objects.for_org(org_id).filter(sha256__in=wanted).values_list("sha256", flat=True))
    return [sha256 for sha256 in wanted if sha256 not in stored]


def manifest(org_id: UUID, sha256: str) -> Manifest:
    """The decoded manifest. NotFoundError when the organization has none by this hash, InvalidError when it cannot be read."""
    cached = _cache.get((org_id, sha256))
    if cached is not None:
        return cached
    content = file_content(org_id, sha256)
    decoded = _decoded(content)
    _cache.put((org_id, sha256), decoded, size=len(content))
    return decoded


def file_content(org_id: UUID, sha256: str) -> bytes:
    """The bytes of a manifest or snapshot; NotFoundError when the organization has none by this hash."""
    if not is_sha256(sha256):
        raise NotFoundError
    try:
        return gunzip(store().get(object_key(org_id, sha256)), max_bytes=MAX_DECOMPRESSED_BYTES)
    except MissingObjectError as error:
        raise NotFoundError(f"The definitions {sha256[:12]}… are not stored. Reload the code location.") from error


def _decoded(content: bytes) -> Manifest:
    try:
        decoded = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidError(
            f"The manifest cannot be read: {error}. Is the agent newer than the control plane?"
        ) from error
    if decoded.manifest_version > MANIFEST_VERSION:
        raise InvalidError(
            f"The manifest has version {decoded.manifest_version}; this control plane reads up to {MANIFEST_VERSION}. Upgrade it."
        )
    return decoded
