"""The durable queue of one attempt's events: appended before the child is answered, cut when the control plane has them.

A spool is a row of segment files `events.<first seq>.jsonl`. A line that starts with `{` is an event in its final form on the wire;
a line `#<key>` ends a request of the child and carries its key; `!<type>` remembers the run's terminal event. What follows the
last `#` or `!` line was torn by a crash: its request was never answered, so the child sends it again.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from agent.files import PRIVATE_FILE, read_or_none, write_all, write_atomically
from agent.recent_keys import RecentKeys
from agent.segments import Segment, find_segments, read_lines, repair, segment_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A segment is deleted as a whole: small enough to free the disk during a long run, large enough to be rare.
SEGMENT_BYTES = 16 * 1024 * 1024
EXITED = "AGENT_EXITED"
TERMINAL = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})
_OWN = frozenset({"AGENT_STARTED", EXITED})


class _Typed(msgspec.Struct):
    type: str


@dataclass(frozen=True)
class NewEvent:
    """An event without its seq: a JSON object as bytes."""

    type: str
    body: bytes


@dataclass
class Stretch:
    """Contiguous events as they go on the wire; `ends` are the file positions after each of them."""

    first_seq: int
    events: list[bytes] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.events) - 1


class Spool:
    """Events of one attempt, numbered from 1 without gaps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cursor_path = folder / "acknowledged"
        self._keys = RecentKeys()
        self.last_seq = 0
        self.terminal: str | None = None
        self.ended = False
        self.has_child_events = False
        self._segments = find_segments(folder) or [Segment(first_seq=1, path=segment_path(folder, 1))]
        self._recover()
        self._file = os.open(self._segments[-1].path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self._position = 0
        self.acknowledged = self._segments[0].first_seq - 1
        self._seek(int(read_or_none(self._cursor_path) or b"0"))

    @property
    def pending(self) -> int:
        return self.last_seq - self.acknowledged

    def has(self, key: str) -> bool:
        return key in self._keys

    def append(self, key: str | None, events: Sequence[NewEvent]) -> None:
        """Number and write the events of one request. After an OSError nothing of them is stored."""
        lines, seq = [], self.last_seq
        for event in events:
            seq += 1
            # The last of two equal names wins in every decoder, so a child cannot choose its own seq.
            lines.append(event.body[:-1] + b',"seq":%d}\n' % seq)
        lines.append(b"#%s\n" % (key or "").encode())
        self._write(b"".join(lines))
        self.last_seq = seq
        if key:
            self._keys.add(key)
        for event in events:
            self._note(event.type)
        if self._size >= SEGMENT_BYTES:
            # The events are stored: a disk too full for a new segment only makes this one longer.
            with contextlib.suppress(OSError):
                self._start_segment()

    def read(self, *, most_events: int, most_bytes: int) -> Stretch | None:
        """Answer the next events to send, at least one if there is any."""
        while True:
            stretch = self._read_segment(most_events, most_bytes)
            if stretch.events:
                return stretch
            if len(self._segments) == 1:
                return None
            self._drop_first_segment()

    def acknowledge(self, stretch: Stretch, stored: int) -> None:
        """Move the cursor to `stored`, which may cover only a part of the stretch, or be behind it."""
        if stored > self.last_seq:
            self._continue_after(stored)
        elif stored < self.acknowledged:
            self._seek(stored)
        elif stored >= stretch.first_seq:
            taken = min(stored, stretch.last_seq)
            self._position = stretch.ends[taken - stretch.first_seq]
            self.acknowledged = taken
            self._save_cursor()

    def close(self) -> None:
        os.close(self._file)

    def _read_segment(self, most_events: int, most_bytes: int) -> Stretch:
        stretch, size = Stretch(first_seq=self.acknowledged + 1), 0
        for line, end in read_lines(self._segments[0].path, self._position):
            if not line.startswith(b"{"):
                continue
            size += len(line)
            if stretch.events and size > most_bytes:
                break
            stretch.events.append(line)
            stretch.ends.append(end)
            if len(stretch.events) >= most_events:
                break
        return stretch

    def _write(self, data: bytes) -> None:
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            write_all(self._file, data)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _note(self, event_type: str) -> None:
        if event_type in TERMINAL:
            self.terminal = event_type
        self.ended = event_type == EXITED
        self.has_child_events = self.has_child_events or event_type not in _OWN

    def _start_segment(self) -> None:
        """Open the next file; it repeats what must outlive the deletion of the current one."""
        carried = [b"#%s\n" % key.encode() for key in self._keys]
        if self.terminal:
            carried.append(b"!%s\n" % self.terminal.encode())
        segment = Segment(first_seq=self.last_seq + 1, path=segment_path(self._folder, self.last_seq + 1))
        write_atomically(segment.path, b"".join(carried))
        os.close(self._file)
        self._segments.append(segment)
        self._file = os.open(segment.path, os.O_RDWR, PRIVATE_FILE)
        self._size = os.lseek(self._file, 0, os.SEEK_END)

    def _drop_first_segment(self) -> None:
        self._segments.pop(0).path.unlink(missing_ok=True)
        self._position = 0

    def _recover(self) -> None:
        """Learn from the last segment what was stored before the agent died."""
        last = self._segments[-1]
        repair(last.path)
        self.last_seq = last.first_seq - 1
        self.has_child_events = len(self._segments) > 1 or last.first_seq > 1
        for line, _ in read_lines(last.path, 0):
            if line.startswith(b"{"):
                self.last_seq += 1
                self._note(msgspec.json.decode(line, type=_Typed).type)
            elif line.startswith(b"!"):
                self.terminal = line[1:].decode()
            elif line != b"#":
                self._keys.add(line[1:].decode())

    def _seek(self, acknowledged: int) -> None:
        """Stand after event `acknowledged`, or at the earliest event kept: events may be sent twice."""
        self._position = 0
        while len(self._segments) > 1 and self._segments[1].first_seq <= acknowledged + 1:
            self._drop_first_segment()
        self.acknowledged = self._segments[0].first_seq - 1
        for line, end in read_lines(self._segments[0].path, 0):
            if self.acknowledged >= acknowledged:
                return
            if line.startswith(b"{"):
                self.acknowledged += 1
                self._position = end

    def _continue_after(self, stored: int) -> None:
        """The control plane has more than this disk, because a power cut took our tail: number on from what it has."""
        for segment in self._segments:
            segment.path.unlink(missing_ok=True)
        self.last_seq = self.acknowledged = stored
        self.ended = False
        self._position = 0
        self._start_segment()
        self._segments = self._segments[-1:]
        self._save_cursor()

    def _save_cursor(self) -> None:
        """A cursor lost to a full disk only means that events are sent twice."""
        with contextlib.suppress(OSError):
            write_atomically(self._cursor_path, b"%d" % self.acknowledged)
