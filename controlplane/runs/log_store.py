"""Captured output in: chunks appended by offset, idempotent, capped, with an index of newlines.

The bytes go to the object store first, under a key made of ids, offset and length alone; then a row makes them part of the stream.
A chunk that comes again is trimmed to what is new; one behind a gap is answered with where the stream really ends.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
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
_ROWS = """
    jsonb_to_recordset(%(rows)s::jsonb) AS d(run_id uuid, attempt int, log_key text, stream text, size bigint, newlines bigint,
        line_start bigint, dropped_bytes bigint, final boolean, expected bigint, expected_dropped bigint)
"""
# In one order for whoever begins the same streams at the same time.
_BEGIN = f"""
    INSERT INTO log_stream (org_id, run_id, attempt, log_key, stream, size, newlines, line_start, dropped_bytes, final)
    SELECT o.org_id, d.run_id, d.attempt, d.log_key, d.stream, d.size, d.newlines, d.line_start, d.dropped_bytes, d.final
    FROM {_ROWS}, (SELECT %(org)s::uuid AS org_id) o ORDER BY d.run_id, d.attempt, d.log_key, d.stream
    ON CONFLICT (run_id, attempt, log_key, stream) DO NOTHING
    RETURNING run_id, attempt, log_key, stream
"""  # noqa: S608 - the parts are SQL of this file
# Only the writer whose idea of the stream's end is still right adds to it; the other asks again. Locked in that one order first: a
# batch that is sent again while the first is under way may hold its streams in another.
_EXTEND = f"""
    WITH held AS MATERIALIZED (
        SELECT d.* FROM log_stream s JOIN {_ROWS}
          ON s.run_id = d.run_id AND s.attempt = d.attempt AND s.log_key = d.log_key AND s.stream = d.stream
        WHERE s.org_id = %(org)s AND s.run_id = ANY(%(runs)s)
        ORDER BY s.run_id, s.attempt, s.log_key, s.stream FOR NO KEY UPDATE OF s
    )
    UPDATE log_stream s SET size = d.size, newlines = d.newlines, line_start = d.line_start, dropped_bytes = d.dropped_bytes,
        final = s.final OR d.final
    FROM held d
    WHERE s.org_id = %(org)s AND s.run_id = ANY(%(runs)s) AND s.run_id = d.run_id AND s.attempt = d.attempt AND s.log_key = d.log_key
      AND s.stream = d.stream AND s.size = d.expected AND s.dropped_bytes = d.expected_dropped
    RETURNING s.run_id, s.attempt, s.log_key, s.stream
"""  # noqa: S608 - as above
_ADD = """
    INSERT INTO log_chunk (org_id, run_id, attempt, log_key, stream, "offset", bytes, newlines_before, newlines)
    SELECT o.org_id, d.run_id, d.attempt, d.log_key, d.stream, d.expected, d.bytes, d.newlines_before, d.newlines
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, log_key text, stream text, expected bigint, bytes bigint,
            newlines_before bigint, newlines bigint),
         (SELECT %s::uuid AS org_id) o
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
    # Whether the database knows it.
    begun: bool = True

    @property
    def place(self) -> "StreamKey":
        return self.ref.run_id, self.ref.attempt, self.log_key, self.stream

    @property
    def position(self) -> int:
        return self.size + self.dropped

    @property
    def full(self) -> bool:
        return self.dropped > 0 or self.size >= settings.LOG_STREAM_MAX_BYTES


StreamKey = tuple[UUID, int, str, str]
_Given = tuple[LogChunk, UnderstoodRef | None]


def append(*, org_id: UUID, agent_id: UUID, chunk: LogChunk) -> LogStored:
    """Add one chunk."""
    return append_batch(
        org_id=org_id, agent_id=agent_id, batch=LogBatch(agent_id=str(agent_id), chunks=[chunk])
    ).chunks[0]


def append_batch(
    *, org_id: UUID, agent_id: UUID, batch: LogBatch, check: Callable[[], object] | None = None
) -> LogsStored:
    """Add chunks of any attempts, in their order; the answers tell where each stream now ends.

    `check` looks whether the caller may, before anything is stored, in a transaction that reads anyway: it raises.
    """
    refs = [understood(chunk) for chunk in batch.chunks]
    with org_scope(org_id):
        if check is not None:
            check()
        streams, held = _load(org_id, agent_id, batch.chunks, [ref for ref in refs if ref])
    answers = list[LogStored]()
    for some in _once_each(zip(batch.chunks, refs, strict=True)):
        targets = [_target(streams, held, chunk, ref) for chunk, ref in some]
        additions = [
            _addition(org_id, stream, chunk) for (chunk, _), stream in zip(some, targets, strict=True) if stream
        ]
        _record(org_id, [addition for addition in additions if addition])
        for (chunk, _), stream in zip(some, targets, strict=True):
            fenced, size, full = stream is None, stream.position if stream else 0, bool(stream and stream.full)
            answers.append(_answer(chunk, size=size, full=full, fenced=fenced))
    _announce(held)
    return LogsStored(chunks=answers)


def _once_each(chunks: Iterable[_Given]) -> Iterator[list[_Given]]:
    """The chunks in their order, as many at once as are of different streams: they are stored together."""
    some, seen = list[_Given](), set[StreamKey]()
    for chunk, ref in chunks:
        place = _place(chunk, ref) if ref else None
        if place in seen:
            yield some
            some, seen = [], set()
        some.append((chunk, ref))
        seen |= {place} if place else set()
    yield some


def _place(chunk: LogChunk, ref: UnderstoodRef) -> StreamKey:
    return ref.run_id, ref.attempt, event_bounds.key(_clean(chunk.log_key)), str(chunk.stream)


def _target(
    streams: dict[StreamKey, Stream], held: set[tuple[UUID, int]], chunk: LogChunk, ref: UnderstoodRef | None
) -> Stream | None:
    """The stream that a chunk is of; None when its attempt is not the agent's."""
    if ref is None or ref.place not in held:
        return None
    place = _place(chunk, ref)
    return streams.setdefault(place, Stream(ref, place[2], place[3], begun=False))


def _announce(held: set[tuple[UUID, int]]) -> None:
    topics = {f"run:{run_id}" for run_id, _ in held}
    if topics:
        wakeups.wake(*topics)


def _load(
    org_id: UUID, agent_id: UUID, chunks: Sequence[LogChunk], refs: Sequence[UnderstoodRef]
) -> tuple[dict[StreamKey, Stream], set[tuple[UUID, int]]]:
    """The streams that exist of these attempts, and which attempts are this agent's. Call it inside org_scope."""
    keys = sorted({event_bounds.key(_clean(chunk.log_key)) for chunk in chunks})
    place = {
        "org": org_id,
        "agent": agent_id,
        "ids": [ref.run_id for ref in refs],
        "keys": keys,
        "refs": recordsets.rows(list(dict.fromkeys(refs))),
    }
    rows = recordsets.fetch(_STREAMS, place)
    by_place = {ref.place: ref for ref in refs}
    streams = {
        (row[0], row[1], row[2], row[3]): Stream(by_place[row[0], row[1]], *row[2:])
        for row in rows
        if row[2] is not None
    }
    return streams, {(row[0], row[1]) for row in rows}


@dataclass(frozen=True)
class _Addition:
    """What a chunk adds to its stream: bytes that are in the object store already."""

    stream: Stream
    kept: bytes
    dropped: int
    final: bool

    def row(self) -> dict[str, Any]:
        """The stream as it is with it, and as it must be before."""
        stream, newlines = self.stream, self.kept.count(b"\n")
        run_id, attempt, log_key, name = stream.place
        return {
            "run_id": run_id,
            "attempt": attempt,
            "log_key": log_key,
            "stream": name,
            "size": stream.size + len(self.kept),
            "newlines": stream.newlines + newlines,
            "line_start": stream.size + self.kept.rindex(b"\n") + 1 if newlines else stream.line_start,
            "dropped_bytes": stream.dropped + self.dropped,
            "final": self.final,
            "expected": stream.size,
            "expected_dropped": stream.dropped,
        }


def _addition(org_id: UUID, stream: Stream, chunk: LogChunk) -> _Addition | None:
    """What is new in a chunk, if it joins on; its bytes are stored."""
    if not 0 <= chunk.offset <= stream.position or chunk.offset > _OFFSET_MAX:
        return None
    new = chunk.data[stream.position - chunk.offset :]
    if not new and not chunk.final:
        return None
    room = 0 if stream.dropped else max(0, settings.LOG_STREAM_MAX_BYTES - stream.size)
    kept, dropped = new[:room], len(new) - len(new[:room])
    if kept:
        store().put(object_key(org_id, stream, len(kept)), kept)
    return _Addition(stream, kept, dropped, chunk.final)


def _record(org_id: UUID, additions: Sequence[_Addition]) -> None:
    """Make them part of their streams, each of another one, which are brought up to date; not where somebody else was quicker."""
    if not additions:
        return
    rows = {addition.stream.place: addition.row() for addition in additions}
    with org_scope(org_id):
        taken = _begin(org_id, additions, rows) | _extend(org_id, additions, rows)
        chunks = [
            _chunk_row(one, rows[one.stream.place]) for one in additions if one.kept and one.stream.place in taken
        ]
        if chunks:
            recordsets.execute(_ADD, [recordsets.rows(chunks), org_id])
    for addition in additions:
        _note(addition.stream, rows[addition.stream.place], is_taken=addition.stream.place in taken)


def _begin(org_id: UUID, additions: Iterable[_Addition], rows: Mapping[StreamKey, dict[str, Any]]) -> set[StreamKey]:
    new = [rows[one.stream.place] for one in additions if not one.stream.begun]
    found = recordsets.fetch(_BEGIN, {"rows": recordsets.rows(new), "org": org_id}) if new else []
    return {(run_id, attempt, log_key, stream) for run_id, attempt, log_key, stream in found}


def _extend(org_id: UUID, additions: Iterable[_Addition], rows: Mapping[StreamKey, dict[str, Any]]) -> set[StreamKey]:
    known = [rows[one.stream.place] for one in additions if one.stream.begun]
    asked = {"rows": recordsets.rows(known), "org": org_id, "runs": [row["run_id"] for row in known]}
    found = recordsets.fetch(_EXTEND, asked) if known else []
    return {(run_id, attempt, log_key, stream) for run_id, attempt, log_key, stream in found}


def _chunk_row(addition: _Addition, row: dict[str, Any]) -> dict[str, Any]:
    before = addition.stream.newlines
    return {**row, "bytes": len(addition.kept), "newlines_before": before, "newlines": row["newlines"] - before}


def _note(stream: Stream, row: Mapping[str, Any], *, is_taken: bool) -> None:
    if not is_taken:
        log.info("logs.overtaken", run_id=str(stream.ref.run_id), log_key=stream.log_key)
        return
    stream.begun = True
    stream.size, stream.newlines = row["size"], row["newlines"]
    stream.line_start, stream.dropped = row["line_start"], row["dropped_bytes"]


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
