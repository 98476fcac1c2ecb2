"""A control plane for commands to talk to, signed in as the owner of the test's organization."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

# What typer's runner answers: exit_code, stdout, stderr, exception.
Run = Callable[..., Any]


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """One server for all tests of commands."""
    from tests.ui.server import serving

    with serving() as address:
        yield address


@pytest.fixture
def run(address: str, cast: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the deployment `prod`."""
    from typer.testing import CliRunner

    from controlplane.cli.main import app

    given = {"URL": address, "TOKEN": cast.user_token.text, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
    return lambda *words, **options: CliRunner().invoke(app, list(words), **options)
