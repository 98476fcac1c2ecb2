"""Unpacking a source archive.

SECURITY: an archive is a stranger's. Nothing of it may land outside of its folder, whatever its names and links say; it may not be
larger than allowed, nor become it; and only files, folders and links exist in it. Links are made after all files, so that no file is
ever written through one, and refused when what is written in them may lead out: the file system's own answer is not asked for, which
ends where paths are too long.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from agent.disk import is_full
from agent.executors import CodeNotLoadedError

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1024 * 1024
CHUNK = MEGABYTE
# More than any project has; each costs an inode.
MAX_FILES = 100_000
# Text shrinks to a tenth, at best to a fiftieth. What shrinks more is no code, once it is larger than this.
MAX_RATIO = 200
RATIO_FROM = 64 * MEGABYTE
# Code may not be changed in place; what it writes beside itself (caches, build results) is its own affair.
FILE_MODE, PROGRAM_MODE, FOLDER_MODE = 0o444, 0o555, 0o755


class BadArchiveError(CodeNotLoadedError):
    """The archive cannot be unpacked; the message says why, and what to do."""


@dataclass(frozen=True)
class Limits:
    """What an archive may become, in bytes."""

    unpacked_bytes: int


def unpack(archive: Path, folder: Path, *, limits: Limits, has_room: Callable[[], bool]) -> int:
    """Unpack into a new folder and answer its bytes; raise BadArchiveError. It blocks: call it in a thread."""
    folder.mkdir(mode=FOLDER_MODE)
    try:
        with archive.open("rb") as compressed:
            source = _Bounded(compressed, limits)
            with tarfile.open(fileobj=source, mode="r|", errorlevel=2) as tar:
                return _Unpacking(folder, limits, has_room).all(tar)
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, UnicodeError, ValueError) as error:
        raise BadArchiveError(
            f"The source archive is damaged or no gzipped tar: {error}. Pack and deploy it again."
        ) from error
    except OSError as error:
        raise BadArchiveError(
            _no_room() if is_full(error) else f"The source archive cannot be unpacked: {error}"
        ) from error


class _Unpacking:
    def __init__(self, folder: Path, limits: Limits, has_room: Callable[[], bool]) -> None:
        self._folder = folder
        self._limits = limits
        self._has_room = has_room
        self._bytes = 0
        self._members = 0
        self._links: list[tuple[Path, str]] = []

    def all(self, tar: tarfile.TarFile) -> int:
        for member in tar:
            self._members += 1
            if self._members > MAX_FILES:
                raise BadArchiveError(
                    f"The source archive has more than {MAX_FILES} files. Pack the code only, not data."
                )
            self._one(tar, member)
        for path, target in self._links:
            self._check_link(path, target)
        for path, target in self._links:
            path.symlink_to(target)
        return self._bytes

    def _one(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = self._path(member.name)
        if member.isdir():
            path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            return
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if member.issym():
            self._links.append((path, member.linkname))
        elif member.islnk():
            self._copy(self._path(member.linkname), path, member.name)
        elif member.isreg():
            content = tar.extractfile(member)
            assert content is not None, "a regular file has content"
            self._write(content, path, program=bool(member.mode & 0o100))
        else:
            raise BadArchiveError(f"{member.name} in the source archive is neither a file nor a folder nor a link.")

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\0" in name:
            raise BadArchiveError(f"{name} in the source archive leads out of it. Pack the project's own folder only.")
        return self._folder / parts

    def _copy(self, known: Path, path: Path, name: str) -> None:
        """A second name of a file that came before becomes a file of its own."""
        if not known.is_file():
            raise BadArchiveError(f"{name} in the source archive is a link to a file that is not before it.")
        with known.open("rb") as content:
            self._write(content, path, program=bool(known.stat().st_mode & 0o100))

    def _write(self, content: IO[bytes], path: Path, *, program: bool) -> None:
        # A tar may hold a name twice; the later one counts.
        path.unlink(missing_ok=True)
        with path.open("xb") as file:
            while chunk := content.read(CHUNK):
                self._bytes += len(chunk)
                if self._bytes > self._limits.unpacked_bytes:
                    raise _too_large(self._limits)
                if not self._has_room():
                    raise BadArchiveError(_no_room())
                file.write(chunk)
        path.chmod(PROGRAM_MODE if program else FILE_MODE)

    def _check_link(self, path: Path, target: str) -> None:
        """Steps up come first, from where the link really is, and stay inside; the rest goes down, through links of the same kind."""
        name, parts = path.relative_to(self._folder), PurePosixPath(target).parts
        up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
        if target.startswith("/") or ".." in parts[up:] or up > len(name.parts) - 1:
            raise BadArchiveError(
                f"{name} in the source archive is a link to {target}, which is outside of it or goes up after it went down. "
                "Pack the file itself."
            )


class _Bounded(io.BufferedIOBase):
    """The decompressed bytes, as long as they are within the limits."""

    def __init__(self, compressed: IO[bytes], limits: Limits) -> None:
        self._compressed = compressed
        self._content = gzip.GzipFile(fileobj=compressed)
        self._limits = limits
        self._read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._content.read(size)
        self._read += len(data)
        # Headers and padding come on top of what the files have.
        if self._read > self._limits.unpacked_bytes + MAX_FILES * 2 * tarfile.BLOCKSIZE:
            raise _too_large(self._limits)
        if self._read > RATIO_FROM and self._read > MAX_RATIO * self._compressed.tell():
            raise BadArchiveError(
                f"The source archive unpacks to more than {MAX_RATIO} times its size. That is no code; leave such files out."
            )
        return data


def _too_large(limits: Limits) -> BadArchiveError:
    return BadArchiveError(
        f"The source archive unpacks to more than {limits.unpacked_bytes // MEGABYTE} MiB. Leave out data and build results, "
        "or raise source_unpacked_mb on the agent."
    )


def _no_room() -> str:
    return "There is no room on the agent's disk to unpack the source archive. Free some space, then deploy again."


def remove_tree(folder: Path) -> None:
    """Remove a folder with whatever is in it; nothing happens when it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
