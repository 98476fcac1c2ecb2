"""A part of these tests with the oldest dagster we support, so that CI always runs both ends."""

import os
import subprocess
import sys

import pytest

from tests.worker.interpreters import VARIABLE, dagster_version, interpreter_with, user_interpreter
from tests.worker.versions import OPTIONS, ROOT, tested_versions

PART = [
    "test_runs.py",
    "test_instance.py",
    "test_executors.py",
    "test_calls.py",
    "test_resumption.py",
    "test_ticks.py",
    "test_pools.py",
]
FOUND = "tests/worker/test_locations.py::test_inspect_finds_what_dagster_itself_finds"
INSPECT = [f"{FOUND}[{target}]" for target in ("block.definitions", "dgp.definitions", "dga.defs")]


@pytest.mark.versions
@pytest.mark.timeout(900)
@pytest.mark.skipif(VARIABLE in os.environ, reason="already inside a run for one version")
def test_oldest_dagster_passes_the_contract() -> None:
    oldest = tested_versions()[0]
    python = interpreter_with(oldest)
    paths = [*(f"tests/worker/{name}" for name in PART), *INSPECT]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *paths],
        cwd=ROOT,
        env={**os.environ, VARIABLE: oldest},
        capture_output=True,
        text=True,
        check=False,
    )

    assert python.exists()
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.skipif(os.environ.get(VARIABLE, "newest") == "newest", reason="no version was asked for")
def test_user_interpreter_has_the_version_asked_for() -> None:
    asked = tuple(int(part) for part in os.environ[VARIABLE].split("."))

    assert dagster_version() == asked, user_interpreter()
