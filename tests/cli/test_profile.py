"""Whom the commands talk to, and with which token: a dummy server writes down what arrives."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.main import app
from controlplane.cli.profile import FILE_NAME, load_profile

STORED = {"url": "http://127.0.0.1:8321", "token": "stored-token", "organization": "demo", "deployment": "prod"}


class Elsewhere(ThreadingHTTPServer):
    """A server of somebody else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.tokens: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Listener(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Elsewhere)
        self.server.tokens.append(self.headers.get("Authorization", ""))
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in STORED:
        monkeypatch.delenv(f"DAGGERBOARD_{key.upper()}", raising=False)
    monkeypatch.setenv("DAGGERBOARD_HOME", str(tmp_path))
    (tmp_path / FILE_NAME).write_text(json.dumps(STORED))


def status() -> CommandError:
    failure = CliRunner().invoke(app, ["status"]).exception
    assert isinstance(failure, CommandError)
    return failure


def test_stored_token_goes_nowhere_else(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGGERBOARD_URL", elsewhere.url)

    failure = status()
    assert failure.exit_code == ExitCode.NOT_SIGNED_IN
    assert "DAGGERBOARD_TOKEN, DAGGERBOARD_ORGANIZATION" in str(failure)
    assert elsewhere.tokens == []

    for name, value in {"TOKEN": "theirs", "ORGANIZATION": "acme", "DEPLOYMENT": "prod"}.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
    assert status().exit_code == ExitCode.NOT_SIGNED_IN
    assert elsewhere.tokens == ["Bearer theirs"]


@pytest.mark.parametrize("name", ["DAGGERBOARD_TOKEN", "DAGGERBOARD_URL", "DAGGERBOARD_DEPLOYMENT"])
@pytest.mark.parametrize("value", ["", " "])
def test_variable_that_is_set_to_nothing_is_an_error(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    failure = status()
    assert failure.exit_code == ExitCode.NOT_SIGNED_IN
    assert f"{name} is set, but empty" in str(failure)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8321", "HTTP://127.0.0.1:8321/"])
def test_stored_profile_counts_for_its_own_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGGERBOARD_URL", url)
    found = load_profile(deployment="staging")
    assert (found.token, found.organization, found.deployment) == ("stored-token", "demo", "staging")
