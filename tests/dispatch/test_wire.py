"""The edges of the wire: versions, sizes, forms, errors."""

import gzip
from typing import Any

import httpx
import msgspec
import pytest

from agent import protocol as wire
from agent.protocol import MAX_BODY_BYTES
from controlplane.dispatch.wire import MAJOR, MINOR
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import stored_version
from tests.dispatch.wire_agent import WireAgent

REGISTER = msgspec.json.encode(factories.register_message())


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code; the document must have its three fields."""
    document = response.json()
    [error] = document["errors"]
    assert set(error) == {"code", "detail", "attr"}
    assert document["type"] == ("server_error" if response.status_code >= 500 else "client_error")
    return response.status_code, error["code"]


@pytest.mark.parametrize("version", ["", "0.9", f"{MAJOR + 1}.0", "one", f"{MAJOR}.{MINOR}.0", "1" * 10_000])
def test_protocol_that_is_not_ours_is_refused_with_what_to_do(wire_agent: WireAgent, version: str) -> None:
    response = wire_agent.http.post("register", content=REGISTER, headers={"Daggerboard-Protocol": version})

    assert error_of(response) == (426, "protocol_too_old")
    assert "Upgrade the agent" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("minor", [*range(max(0, MINOR - 2), MINOR), MINOR, MINOR + 1])
def test_older_and_newer_minor_versions_are_served(wire_agent: WireAgent, minor: int) -> None:
    response = wire_agent.http.post("register", content=REGISTER, headers={"Daggerboard-Protocol": f"{MAJOR}.{minor}"})

    assert response.status_code == 200


def test_unknown_fields_are_ignored(wire_agent: WireAgent) -> None:
    message = {**msgspec.json.decode(REGISTER), "colour": "blue"}

    assert wire_agent.post("register", message).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b'{"name": 3}', b"[" * 100_000, b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"\x00"],
)
def test_what_is_no_message_is_refused_clearly(wire_agent: WireAgent, body: bytes) -> None:
    response = wire_agent.http.post("register", content=body, headers={"Content-Type": "application/json"})

    assert error_of(response) == (400, "invalid")
    assert "no Register of protocol" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(REGISTER)[:-4], gzip.compress(REGISTER) + b"more"],
    # Not the bytes: they hold the time at which they were made.
    ids=["not gzip", "cut off", "more behind"],
)
def test_broken_gzip_is_refused_clearly(wire_agent: WireAgent, body: bytes) -> None:
    response = wire_agent.http.post("register", content=body, headers={"Content-Encoding": "gzip"})

    assert error_of(response) == (400, "invalid")


def test_gzip_body_is_read(wire_agent: WireAgent) -> None:
    response = wire_agent.http.post("register", content=gzip.compress(REGISTER), headers={"Content-Encoding": "gzip"})

    assert response.status_code == 200


def chunks_of(total: int) -> Any:
    return (b"x" * 65536 for _ in range(total // 65536 + 1))


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", ["register", "events", "poll", "definitions/" + "0" * 64])
def test_body_above_the_limit_is_too_large(wire_agent: WireAgent, path: str, declared: bool) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1) if declared else chunks_of(MAX_BODY_BYTES + 1)

    response = wire_agent.http.request("PUT" if "/" in path else "POST", path, content=body)

    assert error_of(response) == (413, "too_large")


def test_body_above_the_limit_once_decompressed_is_too_large(wire_agent: WireAgent) -> None:
    bomb = gzip.compress(b" " * (65 * 2**20))

    response = wire_agent.http.post("events", content=bomb, headers={"Content-Encoding": "gzip"})

    assert error_of(response) == (413, "too_large")


def test_nul_in_text_is_replaced_and_backslashes_are_kept(wire_agent: WireAgent, cast: Cast) -> None:
    version = factories.deploy(cast)
    error = wire.ErrorInfo(message="a\0b and \\u0000 written out")
    report = wire.LocationReport(
        agent_id=wire_agent.id, version_id=str(version.id), state=wire.LocationState.FAILED, error=error
    )

    wire_agent.send("locations", report, Any)

    assert stored_version(cast, version).error["message"] == "a\ufffdb and \\u0000 written out"


def test_wrong_method_is_not_allowed(wire_agent: WireAgent) -> None:
    assert wire_agent.http.get("poll").status_code == 405


def test_unknown_path_is_not_found(wire_agent: WireAgent) -> None:
    assert wire_agent.http.post("nothing-here").status_code == 404
