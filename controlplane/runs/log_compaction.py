"""After a stream has ended, its many small chunks become few large ones: a search then opens megabytes, not thousands of objects.

The new object is written first, then the rows change in one transaction, then the old objects go. A reader that still holds an old row
finds its bytes in the row that covers them (log_reader).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from controlplane.core.objects import MissingObjectError, store
from controlplane.runs.log_store import StreamKey, chunk_key
from controlplane.runs.models import LogChunk, LogStream
from tenants.scoping import org_scope

COMPACTED_BYTES = 4 * 1024 * 1024
# Fewer chunks than this are not worth the copying.
_WORTH_IT = 8
_SWEEP_MAX = 500


@dataclass(frozen=True)
class _Group:
    """Neighbouring chunks that become one."""

    rows: Sequence[LogChunk]

    @property
    def bytes(self) -> int:
        return sum(row.bytes for row in self.rows)


def sweep() -> int:
    """Compact ended streams of the installation, some at a time; returns how many."""
    loose = LogStream.objects.across_orgs(reason="make few large chunks of many small ones")
    found = loose.filter(final=True, compacted=False).order_by("run_id")
    places = list(found.values_list("org_id", "run_id", "attempt", "log_key", "stream")[:_SWEEP_MAX])
    for org_id, run_id, attempt, log_key, stream in places:
        compact(org_id=org_id, place=(run_id, attempt, log_key, stream))
    return len(places)


def compact(*, org_id: UUID, place: StreamKey) -> None:
    """Compact one stream that has ended. Safe to repeat, and to run twice at once."""
    for group in _groups(_rows(org_id, place)):
        _compact(org_id, place, group)
    run_id, attempt, log_key, stream = place
    with org_scope(org_id):
        streams = LogStream.objects.for_org(org_id).filter(
            run_id=run_id, attempt=attempt, log_key=log_key, stream=stream
        )
        streams.update(compacted=True)


def _rows(org_id: UUID, place: StreamKey) -> list[LogChunk]:
    with org_scope(org_id):
        return list(_chunks(org_id, place).order_by("offset"))


def _chunks(org_id: UUID, place: StreamKey) -> QuerySet[LogChunk]:
    run_id, attempt, log_key, stream = place
    return LogChunk.objects.for_org(org_id).filter(run_id=run_id, attempt=attempt, log_key=log_key, stream=stream)


def _groups(rows: Sequence[LogChunk]) -> Iterator[_Group]:
    if len(rows) < _WORTH_IT:
        return
    group: list[LogChunk] = []
    size = 0
    for row in rows:
        if group and size + row.bytes > COMPACTED_BYTES:
            yield from [_Group(group)] if len(group) > 1 else []
            group, size = [], 0
        group.append(row)
        size += row.bytes
    if len(group) > 1:
        yield _Group(group)


def _compact(org_id: UUID, place: StreamKey, group: _Group) -> None:
    """Replace a group of chunks by one; nothing happens when somebody else was quicker."""
    old = [chunk_key(org_id, place, row.offset, row.bytes) for row in group.rows]
    try:
        data = b"".join(store().get(key) for key in old)
    except MissingObjectError:
        return
    first = group.rows[0]
    store().put(chunk_key(org_id, place, first.offset, group.bytes), data)
    with org_scope(org_id):
        rows = _chunks(org_id, place).filter(offset__in=[row.offset for row in group.rows])
        held = list(rows.select_for_update().order_by("offset"))
        if [row.bytes for row in held] != [row.bytes for row in group.rows]:
            return
        rows.delete()
        LogChunk.objects.create_in(
            org_id,
            run_id=first.run_id,
            attempt=first.attempt,
            log_key=first.log_key,
            stream=first.stream,
            offset=first.offset,
            bytes=group.bytes,
            newlines_before=first.newlines_before,
            newlines=sum(row.newlines for row in group.rows),
        )
    for key in old:
        store().delete(key)
