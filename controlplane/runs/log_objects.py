"""Deleting what runs wrote from the object store."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.core.objects import store
from controlplane.runs.log_store import chunk_key
from controlplane.runs.models import LogChunk
from tenants.scoping import org_scope


def delete_log_objects(org_id: UUID, run_ids: Sequence[UUID]) -> None:
    """The objects of these runs. Their rows go after them: a row without its object is found again, an object without its row is not."""
    with org_scope(org_id):
        chunks = LogChunk.objects.for_org(org_id).filter(run_id__in=run_ids)
        places = list(chunks.values_list("run_id", "attempt", "log_key", "stream", "offset", "bytes"))
    for run_id, attempt, log_key, stream, offset, length in places:
        store().delete(chunk_key(org_id, (run_id, attempt, log_key, stream), offset, length))
