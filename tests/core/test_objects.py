"""Both object stores keep the same promises. S3 is a real HTTP server that speaks S3."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from controlplane.core.objects import (
    BadKeyError,
    DirectoryStore,
    MissingObjectError,
    ObjectStore,
    ObjectStoreError,
    open_store,
)
from controlplane.core.s3_objects import S3Store

KEY = "logs/0190/1/abc.gz"
BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "a",
    "a/../b",
    "../a",
    "a/..",
    "a/.hidden",
    "a//b",
    "a/b\0",
    "a/b\n",
    "a\\b/c",
    "a/é",
    "a/" + "x" * 600,
]


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["directory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "objects")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    url = request.getfixturevalue("s3_url")
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="box")
    return S3Store(bucket="box", prefix="prefix", endpoint_url=url)


def test_object_reads_back_until_it_is_deleted(objects: ObjectStore) -> None:
    objects.put(KEY, b"first")
    objects.put(KEY, b"second, longer")

    assert objects.get(KEY) == b"second, longer"
    assert objects.size(KEY) == 14
    assert objects.exists(KEY)

    objects.delete(KEY)
    objects.delete(KEY)

    assert not objects.exists(KEY)


def test_missing_object_says_so(objects: ObjectStore) -> None:
    for ask in (objects.get, objects.size):
        with pytest.raises(MissingObjectError):
            ask("logs/none/such")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_only_keys_of_our_form_reach_the_store(objects: ObjectStore, key: str) -> None:
    for use in (objects.get, objects.size, objects.exists, objects.delete, lambda k: objects.put(k, b"")):
        with pytest.raises(BadKeyError):
            use(key)


def test_reader_never_sees_half_of_a_write(tmp_path: Path) -> None:
    objects = DirectoryStore(tmp_path)
    bodies = {bytes([letter]) * 300_000 for letter in b"abc"}
    objects.put(KEY, min(bodies))
    writer = threading.Thread(target=lambda: [objects.put(KEY, body) for _ in range(10) for body in bodies])

    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(objects.get(KEY))

    assert seen <= bodies
    assert [path.name for path in (tmp_path / KEY).parent.iterdir()] == ["abc.gz"]


def test_everything_of_one_organization_is_deleted_and_nothing_else(objects: ObjectStore) -> None:
    org, other = uuid.uuid4(), uuid.uuid4()
    own = [f"logs/{org.hex}/1/{number}" for number in range(3)] + [f"definitions/{org}/abc.gz"]
    others = [f"logs/{other.hex}/1/0", f"definitions/{other}/abc.gz", f"logs/{org.hex}0/1/0", f"x/y/{org}/1"]
    for key in own + others:
        objects.put(key, b"x")

    objects.delete_organization(org)
    objects.delete_organization(org)

    assert [key for key in own + others if objects.exists(key)] == others


def test_file_in_the_way_is_unavailable_not_missing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")

    with pytest.raises(ObjectStoreError):
        DirectoryStore(tmp_path).put(KEY, b"")


def test_s3_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    nowhere = S3Store(bucket="box", prefix="", endpoint_url="http://127.0.0.1:9")

    with pytest.raises(ObjectStoreError):
        nowhere.get(KEY)


@pytest.mark.parametrize("url", ["", "file://", "file:///", "s3://", "https://bucket", "/just/a/path"])
def test_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no object store"):
        open_store(url)


def test_directory_of_a_url_may_have_spaces(tmp_path: Path) -> None:
    folder: Any = tmp_path / "with space"
    open_store(folder.as_uri()).put(KEY, b"x")

    assert (folder / KEY).read_bytes() == b"x"
