"""The captured output of one attempt: which files there are, how far each was shipped, what was dropped. Ships nothing itself."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from agent import log
from agent.files import read_or_none, write_atomically
from agent.masked_copies import MaskedCopies, punch_hole
from agent.protocol import LogStream

if TYPE_CHECKING:
    from pathlib import Path

    from agent.masks import Masks

_STREAMS = {".out": LogStream.STDOUT, ".err": LogStream.STDERR}
# Shipped bytes are given back to the disk in steps of this size.
_PUNCH_BYTES = 4 * 1024 * 1024


class LogFile(msgspec.Struct, kw_only=True):
    """One captured stream. `position` is in our file, `sent` is the length the control plane has; they part when bytes are dropped."""

    log_key: str
    stream: LogStream
    position: int = 0
    sent: int = 0
    # Said in place of dropped bytes, at `sent`, before anything else is sent.
    marker: str = ""
    full: bool = False
    closed: bool = False
    punched: int = 0


class LogFiles:
    """All captured streams of one attempt, with durable cursors."""

    def __init__(self, attempt_folder: Path) -> None:
        self._masked = MaskedCopies(attempt_folder)
        # What was captured, or the copy of it without values of secrets; which of them, the first look decides.
        self._folder = self._masked.folder if self._masked.in_use else attempt_folder / "logs"
        self._looked = self._masked.in_use
        self.unmasked = False
        self._state_path = attempt_folder / "logs.json"
        data = read_or_none(self._state_path)
        self.files = msgspec.json.decode(data, type=dict[str, LogFile]) if data else {}

    def discover(self, *, masks: Masks | None, at_end: bool) -> None:
        """Take note of files that appeared; without masks nothing leaves yet. `at_end`: nothing is written any more."""
        self.unmasked = masks is None
        if masks is None:
            return
        if not self._looked and masks and not self.files:
            self._masked.begin()
            self._folder = self._masked.folder
        self._looked = True
        if self._masked.in_use:
            self.unmasked = self._masked.catch_up(masks, at_end=at_end)
        try:
            names = [entry.name for entry in os.scandir(self._folder) if entry.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return
        for name in sorted(names):
            stem, ending = os.path.splitext(name)  # noqa: PTH122 - names, not paths
            if name not in self.files and ending in _STREAMS:
                self.files[name] = LogFile(log_key=unquote(stem), stream=_STREAMS[ending])

    def unsent(self, name: str) -> int:
        return max(0, self._size(name) - self.files[name].position)

    def read(self, name: str, most_bytes: int) -> bytes:
        """Answer what comes next on the wire: a marker for dropped bytes, or bytes of the file."""
        file = self.files[name]
        if file.marker:
            return file.marker.encode()
        if file.full:
            file.position = self._size(name)
            return b""
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return os.pread(descriptor, most_bytes, file.position)
        finally:
            os.close(descriptor)

    def stored(self, name: str, sent: int, size: int) -> None:
        """Note that of `sent` bytes at the cursor the control plane now has everything up to `size`."""
        file = self.files[name]
        taken = min(max(size - file.sent, 0), sent)
        if not file.marker:
            file.position += taken
        elif taken == sent:
            file.marker = ""
        else:
            file.marker = file.marker.encode()[taken:].decode()
        if size > file.sent + sent and not file.marker:
            # More than we remember: our cursor was lost. What follows is contiguous in both, so skip what is there.
            file.position += size - file.sent - taken
        if size < file.sent:
            # The control plane lost some: go back as far as the disk still has it.
            file.position = max(file.punched, file.position - (file.sent - size))
        file.sent = size
        self._punch(name)

    def drop_oldest(self, name: str, keep: int) -> int:
        """Skip what is oldest and unsent, leaving a visible marker; answer how many bytes are gone."""
        file = self.files[name]
        dropped = self.unsent(name) - keep
        if dropped <= 0:
            return 0
        file.position += dropped
        file.marker = (
            f"\n[daggerboard: {dropped:,} bytes of output were dropped here: the control plane could not be reached "
            "and the agent's room for logs was used up]\n"
        )
        self._punch(name)
        log.warning("log.dropped", file=name, bytes=dropped)
        return dropped

    def save(self) -> None:
        """Cursors lost to a full disk only mean that bytes are sent twice."""
        with contextlib.suppress(OSError):
            write_atomically(self._state_path, msgspec.json.encode(self.files))

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _punch(self, name: str) -> None:
        """Give shipped bytes back to the disk; offsets stay as they are. Where that is impossible the file just stays."""
        file = self.files[name]
        end = file.position // _PUNCH_BYTES * _PUNCH_BYTES
        if end <= file.punched:
            return
        punch_hole(self._folder / name, file.punched, end)
        file.punched = end
