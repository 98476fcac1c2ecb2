"""A location's build directory as a source archive: the same files make the same bytes on every machine.

A gzipped tar with a fixed order, without times and owners, and stored rather than compressed: compressors differ between machines
and versions, and the sha256 of the archive is what tells that nothing changed.
"""

import hashlib
import io
import stat
import struct
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from controlplane.delivery.project.document import LocationDocument, inner_path
from controlplane.delivery.project.ignoring import packed_files
from controlplane.delivery.project.problems import refuse

_MEBIBYTE = 1024 * 1024
_SHOWN = 10
# The format's own limit of a stored block.
_BLOCK = 65_535
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + b"\x00" * 4 + b"\x00\xff"


@dataclass(frozen=True)
class Limits:
    """How much one archive may hold. `bytes` as the setting DAGGERBOARD_MAX_SOURCE_BYTES, which its control plane checks again."""

    bytes: int = 64 * _MEBIBYTE
    files: int = 20_000


@dataclass(frozen=True)
class Archive:
    """A packed folder. `left_out` are links that lead out of it."""

    sha256: str
    content: bytes
    files: int
    left_out: tuple[str, ...] = ()


def pack_location(root: Path, document: LocationDocument, limits: Limits) -> Archive:
    """The archive of a location's build directory. ProjectError when it is too large, empty, or needs what is not in it."""
    for key in ("working_directory", "executable_path", "python_file"):
        path = getattr(document, key)
        if path and (inner_path(".", path) is None):
            raise refuse(
                f"{key} of {document.name} is {path}, outside of the build directory {document.build.directory}, whose files are "
                "packed. Make it relative to that folder, or build an image.",
                key=key,
            )
    return pack(root, document.build.directory, limits)


def pack(root: Path, directory: str, limits: Limits) -> Archive:
    """Pack a folder below `root`. ProjectError, with the largest files, when it is above a limit."""
    base = root / directory
    kept, left_out = _sorted_out(base, list(packed_files(root, directory)))
    if not kept:
        raise refuse("There is no file to pack in it: it is empty, or .gitignore leaves nothing.", path=directory)
    _check_limits(base, directory, kept, limits)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in kept:
            _add(tar, base, path)
    content = _stored_gzip(packed.getvalue())
    if len(content) > limits.bytes:
        raise _too_large(base, directory, kept, len(content), limits)
    return Archive(hashlib.sha256(content).hexdigest(), content, len(kept), tuple(left_out))


def _sorted_out(base: Path, paths: list[str]) -> tuple[list[str], list[str]]:
    kept: list[str] = []
    left_out: list[str] = []
    for path in paths:
        file = base / path
        leads_out = file.is_symlink() and not stays_inside(PurePosixPath(path), str(file.readlink()))
        (left_out if leads_out else kept).append(path)
    return kept, left_out


def stays_inside(path: PurePosixPath, target: str) -> bool:
    """Whether a link cannot lead out of the tree in which it has this path, whatever other links are there.

    SECURITY: judged by what is written in it alone. Steps up come first, from where the link really is, and stay inside; what follows
    goes down, through links that are judged likewise. Asking the file system does not do: its answers end where paths are too long.
    """
    parts = PurePosixPath(target).parts
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and ".." not in parts[up:] and up <= len(path.parts) - 1


def _check_limits(base: Path, directory: str, paths: list[str], limits: Limits) -> None:
    if len(paths) > limits.files:
        folders: dict[str, int] = {}
        for path in paths:
            folder = str(PurePosixPath(path).parent)
            folders[folder] = folders.get(folder, 0) + 1
        most = sorted(folders.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        listed = ", ".join(f"{folder} ({count})" for folder, count in most)
        raise refuse(
            f"It has {len(paths)} files; {limits.files} may be packed. Most are in {listed}. "
            "Leave data and build results out: name them in .gitignore.",
            path=directory,
        )
    total = sum((base / path).lstat().st_size for path in paths)
    if total > limits.bytes:
        raise _too_large(base, directory, paths, total, limits)


def _too_large(base: Path, directory: str, paths: list[str], total: int, limits: Limits) -> Exception:
    sizes = sorted(((base / path).lstat().st_size, path) for path in paths)[: -_SHOWN - 1 : -1]
    listed = ", ".join(f"{path} ({size / _MEBIBYTE:.1f} MiB)" for size, path in sizes)
    return refuse(
        f"It packs to {total / _MEBIBYTE:.1f} MiB; {limits.bytes / _MEBIBYTE:.1f} MiB are allowed. The largest files are {listed}. "
        "Leave data and build results out: name them in .gitignore.",
        path=directory,
    )


def _add(tar: tarfile.TarFile, base: Path, path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise refuse("The name of this file is not UTF-8. Rename it.", path=ascii(path)) from error
    entry = tarfile.TarInfo(path)
    file = base / path
    if file.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(file.readlink()), 0o777
        tar.addfile(entry)
        return
    try:
        content = file.read_bytes()
        runnable = file.stat().st_mode & stat.S_IXUSR
    except OSError as error:
        raise refuse(f"The file cannot be read: {error.strerror}", path=path) from error
    entry.size, entry.mode = len(content), 0o755 if runnable else 0o644
    tar.addfile(entry, io.BytesIO(content))


def _stored_gzip(content: bytes) -> bytes:
    parts = [_GZIP_HEADER]
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        last = start + _BLOCK >= len(content)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF))
    return b"".join(parts)
