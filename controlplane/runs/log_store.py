"""Captured output in: chunks appended by offset, idempotent, capped, with an index of newlines.

The bytes go to the object store first, under a key made of ids, offset and length alone; then a row makes them part of the stream.
A chunk that comes again is trimmed to what is new; one behind a gap is answered with where the stream really ends.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings

from agent.protocol import LogBatch, LogChunk, LogsStored, LogStored
from controlplane.core import recordsets, wakeups
from controlplane.core.objects import store
from controlplane.runs import event_bounds
from controlplane.runs.refs import UnderstoodRef, understood
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# More streams than a run of many thousand steps has; user code that makes more has its output dropped.
_OFFSET_MAX = 2**62

_STREAMS = """
    SELECT a.run_id, a.attempt, s.log_key, s.stream, s.size, s.newlines, s.line_start, s.dropped_bytes
    FROM run_attempt a LEFT JOIN log_stream s ON s.org_id = a.org_id AND s.run_id = a.run_id AND s.attempt = a.attempt
         AND s.run_id = ANY(%(ids)s) AND s.log_key = ANY(%(keys)s)
    JOIN jsonb_to_recordset(%(refs)s::jsonb) AS d(run_id uuid, attempt int, epoch int)
      ON a.run_id = d.run_id AND a.attempt = d.attempt AND a.epoch = d.epoch
    WHERE a.org_id = %(org)s AND a.run_id = ANY(%(ids)s) AND a.agent_id = %(agent)s AND a.state <> 'fenced'
"""
# Only the writer whose idea of the stream's end is still right adds to it; the other asks again.
_EXTEND = """
    INSERT INTO log_stream AS s (org_id, run_id, attempt, log_key, stream, size, newlines, line_start, dropped_bytes, final)
    SELECT o.org_id, d.run_id, d.attempt, d.log_key, d.stream, d.size, d.newlines, d.line_start, d.dropped_bytes, d.final
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, log_key text, stream text, size bigint, newlines bigint,
            line_start bigint, dropped_bytes bigint, final boolean, expected bigint, expected_dropped bigint),
         (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, attempt, log_key, stream) DO UPDATE SET
        size = excluded.size, newlines = excluded.newlines, line_start = excluded.line_start,
        dropped_bytes = excluded.dropped_bytes, final = s.final OR excluded.final
    WHERE s.size = %s AND s.dropped_bytes = %s
"""
_ADD = """
    INSERT INTO log_chunk (org_id, run_id, attempt, log_key, stream, "offset", bytes, newlines_before, newlines)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass
class Stream:
    """One stream as it stands: `position` is how far its writer has come, stored or dropped."""

    ref: UnderstoodRef
    log_key: str
    stream: str
    size: int = 0
    newlines: int = 0
    line_start: int = 0
    dropped: int = 0

    @property
    def position(self) -> int:
        return self.size + self.dropped

    @property
    def full(self) -> bool:
        return self.dropped > 0 or self.size >= settings.LOG_STREAM_MAX_BYTES


StreamKey = tuple[UUID, int, str, str]


def append(*, org_id: UUID, agent_id: UUID, chunk: LogChunk) -> LogStored:
    """Add one chunk."""
    return append_batch(
        org_id=org_id, agent_id=agent_id, batch=LogBatch(agent_id=str(agent_id), chunks=[chunk])
    ).chunks[0]


def append_batch(*, org_id: UUID, agent_id: UUID, batch: LogBatch) -> LogsStored:
    """Add chunks of any attempts, in their order; the answers tell where each stream now ends."""
    refs = [understood(chunk) for chunk in batch.chunks]
    streams, held = _load(org_id, agent_id, batch.chunks, [ref for ref in refs if ref])
    answers = []
    for chunk, ref in zip(batch.chunks, refs, strict=True):
        if ref is None or ref.place not in held:
            answers.append(_answer(chunk, size=0, fenced=True))
            continue
        place = (ref.run_id, ref.attempt, event_bounds.key(_clean(chunk.log_key)), str(chunk.stream))
        stream = streams.setdefault(place, Stream(ref, place[2], place[3]))
        _append(org_id, stream, chunk)
        answers.append(_answer(chunk, size=stream.position, full=stream.full))
    _announce(held)
    return LogsStored(chunks=answers)


def _announce(held: set[tuple[UUID, int]]) -> None:
    topics = {f"run:{run_id}" for run_id, _ in held}
    if topics:
        wakeups.wake(*topics)


def _load(
    org_id: UUID, agent_id: UUID, chunks: Sequence[LogChunk], refs: Sequence[UnderstoodRef]
) -> tuple[dict[StreamKey, Stream], set[tuple[UUID, int]]]:
    """The streams that exist of these attempts, and which attempts are this agent's."""
    keys = sorted({event_bounds.key(_clean(chunk.log_key)) for chunk in chunks})
    place = {
        "org": org_id,
        "agent": agent_id,
        "ids": [ref.run_id for ref in refs],
        "keys": keys,
        "refs": recordsets.rows(list(dict.fromkeys(refs))),
    }
    with org_scope(org_id):
        rows = recordsets.fetch(_STREAMS, place)
    by_place = {ref.place: ref for ref in refs}
    streams = {
        (row[0], row[1], row[2], row[3]): Stream(by_place[row[0], row[1]], *row[2:])
        for row in rows
        if row[2] is not None
    }
    return streams, {(row[0], row[1]) for row in rows}


def _append(org_id: UUID, stream: Stream, chunk: LogChunk) -> None:
    """Add what is new in a chunk, if it joins on; `stream` is brought up to date, also when somebody else was quicker."""
    if not 0 <= chunk.offset <= stream.position or chunk.offset > _OFFSET_MAX:
        return
    new = chunk.data[stream.position - chunk.offset :]
    if not new and not chunk.final:
        return
    room = 0 if stream.dropped else max(0, settings.LOG_STREAM_MAX_BYTES - stream.size)
    kept, dropped = new[:room], len(new) - len(new[:room])
    if kept:
        store().put(object_key(org_id, stream, len(kept)), kept)
    _record(org_id, stream, kept, dropped, final=chunk.final)


def _record(org_id: UUID, stream: Stream, kept: bytes, dropped: int, *, final: bool) -> None:
    newlines, size = kept.count(b"\n"), stream.size
    row = {
        "run_id": stream.ref.run_id,
        "attempt": stream.ref.attempt,
        "log_key": stream.log_key,
        "stream": stream.stream,
        "size": size + len(kept),
        "newlines": stream.newlines + newlines,
        "line_start": size + kept.rindex(b"\n") + 1 if newlines else stream.line_start,
        "dropped_bytes": stream.dropped + dropped,
        "final": final,
    }
    with org_scope(org_id):
        if recordsets.execute_counting(_EXTEND, [recordsets.rows([row]), org_id, size, stream.dropped]) != 1:
            log.info("logs.overtaken", run_id=str(stream.ref.run_id), log_key=stream.log_key)
            return
        if kept:
            place = (stream.ref.run_id, stream.ref.attempt, stream.log_key, stream.stream)
            recordsets.execute(_ADD, [org_id, *place, size, len(kept), stream.newlines, newlines])
    stream.size, stream.newlines = size + len(kept), stream.newlines + newlines
    stream.line_start, stream.dropped = int(str(row["line_start"])), stream.dropped + dropped


def object_key(org_id: UUID, stream: Stream, length: int) -> str:
    """Where the bytes that come next are put. The length is part of it: a chunk that was cut otherwise before is another object."""
    ref = stream.ref
    return chunk_key(org_id, (ref.run_id, ref.attempt, stream.log_key, stream.stream), stream.size, length)


def chunk_key(org_id: UUID, stream: StreamKey, offset: int, length: int) -> str:
    """The key of a chunk. The log key, which user code chooses, enters as a hash only."""
    run_id, attempt, log_key, name = stream
    digest = hashlib.sha256(log_key.encode()).hexdigest()[:32]
    return f"logs/{org_id.hex}/{run_id.hex}/{attempt}/{digest}/{'err' if name == 'stderr' else 'out'}/{offset}-{length}"


def _clean(log_key: str) -> str:
    return log_key.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _answer(chunk: LogChunk, *, size: int, fenced: bool = False, full: bool = False) -> LogStored:
    return LogStored(
        run_id=chunk.run_id,
        attempt=chunk.attempt,
        log_key=chunk.log_key,
        stream=chunk.stream,
        size=size,
        fenced=fenced,
        full=full,
    )
