"""Storing definitions: content-addressed, so that unchanged code stores nothing."""

import hashlib
import re
from uuid import UUID

from agent.protocol import MAX_DECOMPRESSED_BYTES
from controlplane.core.decompression import gunzip
from controlplane.core.objects import store
from controlplane.definitions.models import DefinitionsFile
from tenants.errors import InvalidError
from tenants.scoping import org_scope

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def store_file(*, org_id: UUID, sha256: str, gzip_bytes: bytes) -> None:
    """Keep a manifest or snapshot. InvalidError when the bytes are not what the hash says; storing twice changes nothing."""
    if not is_sha256(sha256):
        raise InvalidError("A definitions file is named by its sha256, in 64 lower-case hexadecimal digits.")
    content = gunzip(gzip_bytes, max_bytes=MAX_DECOMPRESSED_BYTES)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InvalidError("The content does not have the sha256 it was sent under. Send it again.")
    store().put(object_key(org_id, sha256), gzip_bytes)
    with org_scope(org_id):
        row = DefinitionsFile(org_id=org_id, sha256=sha256, bytes=len(content))
        DefinitionsFile.unscoped.bulk_create([row], ignore_conflicts=True)


def is_sha256(text: str) -> bool:
    return _SHA256.fullmatch(text) is not None


def object_key(org_id: UUID, sha256: str) -> str:
    """Where the gzipped content lies in the object store."""
    return f"definitions/{org_id}/{sha256}.gz"
