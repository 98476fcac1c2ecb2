"""Writing small files so that a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Names that reach the file system come from the control plane: no separators, no dots in front, no surprises.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def is_safe_name(name: str) -> bool:
    """Whether this can be the name of a file or folder of ours, wherever it came from."""
    return _SAFE_NAME.fullmatch(name) is not None


def private_folder(path: Path) -> Path:
    """The folder itself, made with its parents where it is missing."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Survives kill -9 of the agent at any moment; with `durable` also a power cut."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """`os.write` may take a part only; this goes on."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(path: Path) -> None:
    """Puts the names in a folder on disk: what was made or renamed there survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_or_none(path: Path) -> bytes | None:
    """The content; None when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
