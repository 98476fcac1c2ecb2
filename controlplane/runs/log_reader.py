"""Captured output out: by bytes, by lines, by search. Reads chunk by chunk, so that memory stays flat whatever the size.

Lines are counted by newlines from 1; what follows the last newline is a line too. Positions are bytes of the stream.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from controlplane.core.objects import MissingObjectError, store
from controlplane.runs.log_store import StreamKey, chunk_key
from controlplane.runs.models import LogChunk, LogStream
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

# What is shown of one line. A download has all of it.
LINE_BYTES = 16 * 1024
# How many matches a search returns; it counts them all.
MATCHES_MAX = 1000
NEEDLE_MAX = 1000
_CHUNK_ROWS = 500


@dataclass(frozen=True)
class StreamView:
    """One captured stream."""

    org_id: UUID
    run_id: UUID
    attempt: int
    log_key: str
    stream: str
    size: int
    newlines: int
    line_start: int
    dropped_bytes: int
    final: bool

    @property
    def place(self) -> StreamKey:
        return self.run_id, self.attempt, self.log_key, self.stream

    @property
    def lines(self) -> int:
        """How many lines there are, the unfinished last one included."""
        return self.newlines + (self.size > self.line_start)


@dataclass(frozen=True)
class Line:
    """A line as it is shown: `missing` bytes of it are not. `offset` is where it begins."""

    number: int
    offset: int
    data: bytes
    missing: int = 0

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Match:
    """One occurrence: its line, and its place in the stream."""

    line: int
    offset: int


@dataclass(frozen=True)
class Found:
    """All occurrences are counted, the first MATCHES_MAX are listed."""

    count: int
    lines: int
    matches: list[Match]


@dataclass(frozen=True)
class _Chunk:
    offset: int
    bytes: int
    newlines_before: int
    newlines: int


def streams(org_id: UUID, run_id: UUID) -> list[StreamView]:
    """Every stream that this run captured, by attempt and log key."""
    with org_scope(org_id):
        rows = LogStream.objects.for_org(org_id).filter(run_id=run_id).order_by("attempt", "log_key", "stream")
        return [_view(row) for row in rows]


def stream(org_id: UUID, run_id: UUID, attempt: int, log_key: str, name: str) -> StreamView:
    """One stream; NotFoundError when nothing was captured under this name."""
    with org_scope(org_id):
        rows = LogStream.objects.for_org(org_id).filter(run_id=run_id, attempt=attempt, log_key=log_key, stream=name)
        row = rows.first()
    if row is None:
        raise NotFoundError("Nothing was captured under this name.")
    return _view(row)


def _view(row: LogStream) -> StreamView:
    names = ("run_id", "attempt", "log_key", "stream", "size", "newlines", "line_start", "dropped_bytes", "final")
    return StreamView(row.org_id, *(getattr(row, name) for name in names))


def read_bytes(view: StreamView, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` to `end` (excluded), piece by piece: a download, or what was appended since."""
    stop = view.size if end is None else min(end, view.size)
    for chunk in _chunks(view, from_offset=max(0, start)):
        if chunk.offset >= stop:
            return
        data = _data(view, chunk)
        yield data[max(0, start - chunk.offset) : stop - chunk.offset]


def read_lines(view: StreamView, first: int, count: int) -> list[Line]:
    """Lines `first` to `first + count - 1`, as far as there are; long ones cut to LINE_BYTES."""
    first = max(1, first)
    last = min(first + count - 1, view.lines)
    if last < first:
        return []
    lines, current = [], _LineBuilder(first)
    for chunk in _chunks(view, from_line=first):
        data = _data(view, chunk) if chunk.newlines or current.wants_data else None
        for line in current.feed(chunk, data):
            lines.append(line)
            if line.number == last:
                return lines
    unfinished = current.end()
    return [*lines, unfinished] if unfinished else lines


class _LineBuilder:
    """Puts lines together from chunks, starting with line `first`, keeping at most LINE_BYTES of each."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._number = 0
        self._offset = 0
        self._kept = bytearray()
        self._length = 0

    @property
    def wants_data(self) -> bool:
        """Whether more of the current line would be shown; if not, a chunk without newlines need not be read."""
        return self._number < self._first or self._length < LINE_BYTES

    def feed(self, chunk: _Chunk, data: bytes | None) -> Iterator[Line]:
        if self._number == 0:
            self._number = chunk.newlines_before + 1
            self._offset = chunk.offset
        if data is None:
            self._length += chunk.bytes
            return
        position = 0
        while position < len(data):
            newline = data.find(b"\n", position)
            end = len(data) if newline < 0 else newline
            self._extend(data, position, end)
            if newline < 0:
                return
            line = self.end()
            self._number, self._offset, position = self._number + 1, chunk.offset + newline + 1, newline + 1
            if line:
                yield line

    def _extend(self, data: bytes, start: int, end: int) -> None:
        if self._number >= self._first:
            room = max(0, LINE_BYTES - self._length)
            self._kept += data[start : min(end, start + room)]
        self._length += end - start

    def end(self) -> Line | None:
        """The line that was put together, if it is one that was asked for."""
        kept, length = bytes(self._kept), self._length
        self._kept.clear()
        self._length = 0
        if self._number < self._first:
            return None
        return Line(self._number, self._offset, kept, length - len(kept))


def search(view: StreamView, needle: str, *, ignore_case: bool = True) -> Found:
    """Count a text over the whole stream, across chunks, without overlaps, never across lines."""
    wanted = _folded(needle.encode("utf-8", "replace")[:NEEDLE_MAX], ignore_case)
    if not wanted or b"\n" in wanted:
        return Found(0, 0, [])
    state, tail = _Search(wanted), b""
    for chunk in _chunks(view):
        data = tail + _folded(_data(view, chunk), ignore_case)
        consumed = state.scan(data, chunk.offset - len(tail))
        # What could be the beginning of a match is looked at again, with what follows it.
        keep = min(len(data) - consumed, len(wanted) - 1)
        state.pass_by(data, consumed, len(data) - keep)
        tail = data[len(data) - keep :]
    return Found(state.count, state.lines, state.matches)


def _folded(data: bytes, ignore_case: bool) -> bytes:
    """ASCII letters only: folding others could change lengths, and with them every position."""
    return data.lower() if ignore_case else data


class _Search:
    """Counts matches and the lines they are on."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._line = 1
        self._last_line = 0
        self.count = 0
        self.lines = 0
        self.matches: list[Match] = []

    def scan(self, data: bytes, offset: int) -> int:
        """Count the matches in `data`, which begins at `offset`; returns how far it has been consumed."""
        position = 0
        while (found := data.find(self._wanted, position)) >= 0:
            self._line += data.count(b"\n", position, found)
            self._note(offset + found)
            position = found + len(self._wanted)
        return position

    def pass_by(self, data: bytes, start: int, end: int) -> None:
        """Count the lines of what is left behind without a match."""
        self._line += data.count(b"\n", start, end)

    def _note(self, offset: int) -> None:
        self.count += 1
        self.lines += self._line != self._last_line
        self._last_line = self._line
        if len(self.matches) < MATCHES_MAX:
            self.matches.append(Match(self._line, offset))


def _data(view: StreamView, chunk: _Chunk) -> bytes:
    try:
        return store().get(chunk_key(view.org_id, view.place, chunk.offset, chunk.bytes))
    except MissingObjectError:
        return _data_of_larger(view, chunk)


def _data_of_larger(view: StreamView, chunk: _Chunk) -> bytes:
    """The bytes of a chunk that became part of a larger one since its row was read."""
    with org_scope(view.org_id):
        row = _rows(view).filter(offset__lte=chunk.offset).order_by("-offset").first()
    if row is None or row.bytes <= chunk.bytes:
        raise MissingObjectError(f"{view.place} at {chunk.offset}")
    start = chunk.offset - row.offset
    return store().get(chunk_key(view.org_id, view.place, row.offset, row.bytes))[start : start + chunk.bytes]


def _chunks(view: StreamView, *, from_offset: int = 0, from_line: int = 1) -> Iterator[_Chunk]:
    """The chunks that hold what lies behind an offset or a line, in order, a few hundred rows at a time."""
    start = _first_chunk(view, from_offset, from_line)
    while True:
        rows = _chunk_rows(view, start)
        yield from rows
        if len(rows) < _CHUNK_ROWS:
            return
        start = rows[-1].offset + rows[-1].bytes


def _first_chunk(view: StreamView, offset: int, line: int) -> int:
    """The offset of the last chunk that begins at or before the offset, or in which the line begins."""
    with org_scope(view.org_id):
        rows = _rows(view)
        found = rows.filter(newlines_before__lt=line - 1) if line > 1 else rows.filter(offset__lte=offset)
        if line > 1:
            # The line begins behind the newline that ends the one before it: in the chunk that has that newline.
            found = found.exclude(newlines=0)
        last: int | None = found.order_by("-offset").values_list("offset", flat=True).first()
    return last or 0


def _chunk_rows(view: StreamView, start: int) -> Sequence[_Chunk]:
    with org_scope(view.org_id):
        rows = _rows(view).filter(offset__gte=start, offset__lt=view.size).order_by("offset")[:_CHUNK_ROWS]
        return [_Chunk(row.offset, row.bytes, row.newlines_before, row.newlines) for row in rows]


def _rows(view: StreamView) -> "QuerySet[LogChunk]":
    return LogChunk.objects.for_org(view.org_id).filter(
        run_id=view.run_id, attempt=view.attempt, log_key=view.log_key, stream=view.stream
    )
