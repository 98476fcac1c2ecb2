"""The files of a commit in a folder of ours, for as long as they are looked at.

SECURITY: they are a stranger's. Nothing lands outside of the folder, nothing but files, folders and links that stay inside exists in
it, and neither the archive nor what it becomes is larger than allowed.
"""

import gzip
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from django.conf import settings

from controlplane.delivery.hosts.base import GitHost
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
        yield root


def _unpack(content: bytes, root: Path) -> None:
    source = _Bounded(content, settings.MAX_REPOSITORY_BYTES * _GROWTH)
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for number, member in enumerate(tar):
            if number > _MAX_FILES:
                raise TooLargeError(f"The repository has more than {_MAX_FILES} files. Deploy it from CI instead.")
            inner = _below_top(member)
            if inner is None or not (member.isreg() or member.isdir() or member.issym()):
                continue
            try:
                tar.extract(member.replace(name=inner, deep=False), root, filter="data")
            except tarfile.FilterError:
                # A link that leads out of the repository, or a name that does: left out, as packing would.
                continue


def _below_top(member: tarfile.TarInfo) -> str | None:
    """The name below the one folder that hosts put around a tree; None for that folder itself, and for what is beside it."""
    parts = PurePosixPath(member.name).parts
    return "/".join(parts[1:]) or None


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
