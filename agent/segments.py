"""Reading and repairing the segment files of a spool. What the lines mean is in spool.py."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Segment:
    """One file of a spool, named after its first event."""

    first_seq: int
    path: Path


def segment_path(folder: Path, first_seq: int) -> Path:
    return folder / f"events.{first_seq:012d}.jsonl"


def find_segments(folder: Path) -> list[Segment]:
    """All of a spool, in the order of their events."""
    paths = sorted(folder.glob("events.*.jsonl"))
    return [Segment(first_seq=int(path.name.split(".")[1]), path=path) for path in paths]


def read_lines(path: Path, position: int) -> Iterator[tuple[bytes, int]]:
    """Yield complete lines from `position` on, and the position after each."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        yield from _lines(descriptor, position)
    finally:
        os.close(descriptor)


def _lines(descriptor: int, position: int) -> Iterator[tuple[bytes, int]]:
    rest = b""
    while chunk := os.pread(descriptor, _READ_BYTES, position + len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            position += len(line) + 1
            yield line, position


def repair(path: Path) -> None:
    """Cut what a crash left after the last complete request."""
    whole = 0
    for line, end in read_lines(path, 0):
        if line.startswith((b"#", b"!")):
            whole = end
    if path.exists() and path.stat().st_size > whole:
        os.truncate(path, whole)
