"""Objects in S3, and addresses in S3 for others. The only module that knows boto3."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from controlplane.core.objects import MissingObjectError, ObjectStore, ObjectStoreError, checked, names_of

P = ParamSpec("P")
T = TypeVar("T")


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
            for name in names_of(org_id):
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
