"""Captured output of one attempt, copied without values of secrets as it grows: what is shipped, when there is something to mask."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

import msgspec

from agent.files import PRIVATE_FILE, private_folder, read_or_none, write_all, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.masks import Masks

# Bytes of one file that are masked at one look, so that a flood does not hold up the others.
_MOST_BYTES = 4 * 1024 * 1024
_READ_BYTES = 256 * 1024
_PUNCH_HOLE_KEEP_SIZE = 0x01 | 0x02


class _Copy(msgspec.Struct):
    """How far a captured file was read, and how long the copy is."""

    position: int = 0
    size: int = 0


class MaskedCopies:
    """The copies in `<attempt>/masked`. After a crash a copy goes on where its state says; what is longer is cut off."""

    def __init__(self, attempt_folder: Path) -> None:
        self._captured = attempt_folder / "logs"
        self.folder = attempt_folder / "masked"
        self._state_path = attempt_folder / "masked.json"
        data = read_or_none(self._state_path)
        self._copies = msgspec.json.decode(data, type=dict[str, _Copy]) if data else {}

    @property
    def in_use(self) -> bool:
        return self.folder.is_dir()

    def begin(self) -> None:
        private_folder(self.folder)

    def catch_up(self, masks: Masks, *, at_end: bool) -> bool:
        """Copy what was captured since; answer whether something is left."""
        try:
            names = [entry.name for entry in os.scandir(self._captured) if entry.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return False
        left = [self._copy(name, masks, at_end=at_end) for name in sorted(names)]
        return any(left)

    def _copy(self, name: str, masks: Masks, *, at_end: bool) -> bool:
        copy = self._copies.setdefault(name, _Copy())
        source, target = self._captured / name, self.folder / name
        size = source.stat().st_size
        until = min(size, copy.position + _MOST_BYTES)
        if copy.position >= size and target.exists():
            return False
        with _opened(source, os.O_RDONLY) as reading, _opened(target, os.O_RDWR | os.O_CREAT) as writing:
            os.ftruncate(writing, copy.size)
            os.lseek(writing, copy.size, os.SEEK_SET)
            before, held = copy.position, b""
            while (at := copy.position + len(held)) < until:
                held += os.pread(reading, min(_READ_BYTES, until - at), at)
                masked, taken = masks.stream(held, at_end=at_end and at + len(held) >= size)
                write_all(writing, masked)
                copy.position, copy.size, held = copy.position + taken, copy.size + len(masked), held[taken:]
        if copy.position != before:
            write_atomically(self._state_path, msgspec.json.encode(self._copies))
            punch_hole(source, 0, copy.position)
        return copy.position < size


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def punch_hole(path: Path, start: int, end: int) -> None:
    """Give bytes back to the disk; offsets stay as they are. Where that is impossible the file just stays."""
    with _opened(path, os.O_RDWR) as descriptor, contextlib.suppress(AttributeError):
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, start, end - start)
