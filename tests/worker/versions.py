"""Run the code worker's tests with each dagster of agent/worker/versions.toml: `make versions`, or one as an argument."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.worker.fake_agent import WORKER
from tests.worker.interpreters import VARIABLE, interpreter_with

ROOT = Path(__file__).parents[2]
# These need nothing but the worker; the fixtures of the other tests start databases.
OPTIONS = ["-q", "-n", "2", "-p", "no:cacheprovider", "--confcutdir", "tests/worker"]


def tested_versions() -> list[str]:
    versions: list[str] = tomllib.loads((WORKER / "versions.toml").read_text())["tested"]
    return versions


def run_tests(version: str, *paths: str) -> int:
    interpreter_with(version)
    command = [sys.executable, "-m", "pytest", *OPTIONS, *(paths or ("tests/worker",))]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: version}, check=False).returncode


def main() -> int:
    failed = []
    for version in sys.argv[1:] or tested_versions():
        print(f"dagster {version}", flush=True)  # noqa: T201 - the progress of a command line
        if run_tests(version):
            failed.append(version)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")  # noqa: T201
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
