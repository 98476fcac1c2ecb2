"""The object store: log chunks and definitions, in a directory or in S3. The only module that knows boto3.

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
from typing import Any, ParamSpec, Protocol, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
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
        return S3Store(bucket=parts.netloc, prefix=parts.path.strip("/"), endpoint_url=endpoint_url)
    raise ValueError(f"{url!r} is no object store: use file:///folder or s3://bucket/prefix.")


def checked(key: str) -> str:
    """The key itself, when it has the form of ours: parts of plain characters, none beginning with a dot."""
    if len(key) > _KEY_LENGTH or not _KEY.fullmatch(key):
        raise BadKeyError(f"{key[:80]!r} is not a key of the object store.")
    return key


def _names_of(org_id: UUID) -> tuple[str, str]:
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
        for folder in (self._folder.glob(f"*/{name}") for name in _names_of(org_id)):
            for path in folder:
                shutil.rmtree(path)

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)


def _s3_errors(method: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(method)
    def translated(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "NotFound"}:
                raise MissingObjectError(str(args[1])) from error
            raise ObjectStoreError(f"The object store refused: {error}") from error
        except BotoCoreError as error:
            raise ObjectStoreError(f"The object store cannot be reached: {error}") from error

    return translated


class S3Store(ObjectStore):
    """A bucket, or a prefix in one. Credentials come from where boto3 looks for them."""

    def __init__(self, *, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})
        self._client: Any = boto3.client("s3", endpoint_url=endpoint_url, config=config)

    @_s3_errors
    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(**self._place(key), Body=data)

    @_s3_errors
    def get(self, key: str) -> bytes:
        body: bytes = self._client.get_object(**self._place(key))["Body"].read()
        return body

    @_s3_errors
    def size(self, key: str) -> int:
        return int(self._client.head_object(**self._place(key))["ContentLength"])

    @_s3_errors
    def delete(self, key: str) -> None:
        self._client.delete_object(**self._place(key))

    @_s3_errors
    def delete_organization(self, org_id: UUID) -> None:
        """As DirectoryStore.delete_organization."""
        kinds = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"
        )
        found = [kind["Prefix"] for page in kinds for kind in page.get("CommonPrefixes", [])]
        for kind in found:
            for name in _names_of(org_id):
                self._delete_below(f"{kind}{name}/")

    def _delete_below(self, prefix: str) -> None:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            keys = [{"Key": known["Key"]} for known in page.get("Contents", [])]
            if keys:
                # As many as a page lists, which is as many as one request may delete.
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked(key)}


def presigned_put(
    *, bucket: str, key: str, region: str, endpoint_url: str | None, access_key_id: str, secret_access_key: str
) -> str:
    """An address to which a PUT writes one object of a bucket that is not ours, within five minutes. Makes no request itself."""
    client: Any = boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        # Without a token of its own, boto3 would look for one in this machine's environment.
        aws_session_token=None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path" if endpoint_url else "virtual"}),
    )
    address: str = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=300)
    return address
