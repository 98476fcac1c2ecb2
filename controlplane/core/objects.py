"""The object store: log chunks and definitions, in a directory or, by s3_objects.py, in S3.

Keys are made by us from ids and hashes; a key of any other form is refused before a store sees it. A key, once written, always
reads back whole: writes are atomic, and done when `put` returns.
"""

import functools
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.conf import settings

from tenants.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")

_KEY = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)+", re.ASCII)
# S3 allows 1024 bytes, most file systems 255 in one part; ours are ids and hashes.
_KEY_LENGTH = 512


class BadKeyError(ValueError):
    """An object key has a form that no caller of ours makes."""


class MissingObjectError(Exception):
    """There is no object under this key."""


class ObjectStoreError(UnavailableError):
    """The object store does not answer; try again."""


class ObjectStore(Protocol):
    """Bytes under keys, which begin with what they are and whose: `<kind>/<organization's id>/…`.

    `get` and `size` raise MissingObjectError; all raise ObjectStoreError when the store fails.
    """

    def put(self, key: str, data: bytes) -> None: ...
    def get(self, key: str) -> bytes: ...
    def size(self, key: str) -> int: ...
    def delete(self, key: str) -> None: ...
    def delete_organization(self, org_id: UUID) -> None: ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        try:
            self.size(key)
        except MissingObjectError:
            return False
        return True


def store() -> ObjectStore:
    """The store that the settings name."""
    return open_store(settings.OBJECT_STORE_URL, endpoint_url=settings.OBJECT_STORE_ENDPOINT_URL)


@functools.lru_cache(maxsize=8)
def open_store(url: str, *, endpoint_url: str | None = None) -> ObjectStore:
    """The store at `file:///folder` or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path not in {"", "/"}:
        return DirectoryStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        # Only now: who keeps files in a directory does not wait for boto3 at each start.
        from controlplane.core.s3_objects import S3Store

        return S3Store(bucket=parts.netloc, prefix=parts.path.strip("/"), endpoint_url=endpoint_url)
    raise ValueError(f"{url!r} is no object store: use file:///folder or s3://bucket/prefix.")


def checked(key: str) -> str:
    """The key itself, when it has the form of ours: parts of plain characters, none beginning with a dot."""
    if len(key) > _KEY_LENGTH or not _KEY.fullmatch(key):
        raise BadKeyError(f"{key[:80]!r} is not a key of the object store.")
    return key


def names_of(org_id: UUID) -> tuple[str, str]:
    """How keys spell an organization's id."""
    return str(org_id), org_id.hex


def _directory_errors(method: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except FileNotFoundError as error:
            raise MissingObjectError(str(args[1])) from error
        except OSError as error:
            raise ObjectStoreError(f"The object store cannot be used now: {error.strerror}.") from error

    return translated


class DirectoryStore(ObjectStore):
    """A folder. A write is a new file that takes its name when it is on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @_directory_errors
    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @_directory_errors
    def get(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    @_directory_errors
    def size(self, key: str) -> int:
        return self._path(key).stat().st_size

    @_directory_errors
    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    @_directory_errors
    def delete_organization(self, org_id: UUID) -> None:
        """Delete every object of an organization, whatever its kind."""
        for folder in (self._folder.glob(f"*/{name}") for name in names_of(org_id)):
            for path in folder:
                shutil.rmtree(path)

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)
