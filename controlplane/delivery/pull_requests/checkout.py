"""The files of a commit in a folder of ours, for as long as they are looked at.

SECURITY: they are a stranger's. Nothing lands outside of the folder, nothing but files, folders and links that stay inside exists in
it, and neither the archive nor what it becomes is larger than allowed.
"""

import errno
import gzip
import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from django.conf import settings

from controlplane.delivery.hosts.base import GitHost
from controlplane.delivery.project.packing import stays_inside
from tenants.errors import InvalidError, TooLargeError

_MAX_FILES = 100_000
# What an archive may become, against its own limit: text shrinks to a tenth.
_GROWTH = 8


@contextmanager
def checkout(host: GitHost, repository: str, sha: str) -> Iterator[Path]:
    """The root of a commit's tree; it is gone afterwards. TooLargeError, InvalidError for a damaged archive, and what hosts raise."""
    content = host.archive(repository, sha, settings.MAX_REPOSITORY_BYTES)
    with tempfile.TemporaryDirectory(prefix="daggerboard-checkout-") as folder:
        root = Path(folder)
        try:
            _unpack(content, root)
        except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, UnicodeError, ValueError) as error:
            raise InvalidError(
                f"The Git host's archive of {sha[:12]} is damaged: {error}. Rebuild to fetch it again."
            ) from error
        except OSError as error:
            raise _not_written(error, sha) from error
        yield root


def _not_written(error: OSError, sha: str) -> InvalidError:
    why = (error.strerror or type(error).__name__).lower()
    if error.errno == errno.ENAMETOOLONG:
        why = "the name of a file or the folders above it are too long"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        why = "one name is both a file and a folder"
    return InvalidError(f"The files of {sha[:12]} cannot be written: {why}. Rename it, or deploy from CI instead.")


def _unpack(content: bytes, root: Path) -> None:
    """Files and folders come first, and links only when all of them are there, so that nothing is written through a link."""
    source = _Bounded(content, settings.MAX_REPOSITORY_BYTES * _GROWTH)
    links: dict[PurePosixPath, str] = {}
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for number, member in enumerate(tar):
            if number > _MAX_FILES:
                raise TooLargeError(f"The repository has more than {_MAX_FILES} files. Deploy it from CI instead.")
            path = _below_top(member)
            if path is None:
                continue
            if member.issym():
                (root / path.parent).mkdir(parents=True, exist_ok=True)
                links[path] = member.linkname
            elif member.isdir():
                (root / path).mkdir(parents=True, exist_ok=True)
            elif member.isreg():
                _write(tar, member, root / path)
    for path, target in links.items():
        # The folders of all of them were made above, so none is made through another.
        if stays_inside(path, target):
            (root / path).symlink_to(target)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None, "a regular file has content"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _below_top(member: tarfile.TarInfo) -> PurePosixPath | None:
    """The name below the one folder that hosts put around a tree; None for that folder itself, and for a name that leads out."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name or len(name.parts) < 2:
        return None
    return PurePosixPath(*name.parts[1:])


class _Bounded(io.RawIOBase):
    """The decompressed bytes, as long as they are within the limit."""

    def __init__(self, content: bytes, limit: int) -> None:
        self._content = gzip.GzipFile(fileobj=io.BytesIO(content))
        self._left = limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._content.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise TooLargeError("The repository is too large once it is unpacked. Deploy it from CI instead.")
        return data
