"""The user's interpreter in these tests: ours, or a virtualenv with the dagster of $DAGGERBOARD_TEST_DAGSTER."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs

VARIABLE = "DAGGERBOARD_TEST_DAGSTER"


@cache
def user_interpreter() -> str:
    version = os.environ.get(VARIABLE)
    return str(interpreter_with(version)) if version else sys.executable


def dagster_version() -> tuple[int, ...]:
    code = "from importlib.metadata import version; print(version('dagster'))"
    text = subprocess.run([user_interpreter(), "-c", code], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in text.strip().split(".")[:3])


def interpreter_with(version: str) -> Path:
    """Built once, with uv, under the cache folder of the user."""
    folder = Path(platformdirs.user_cache_dir("daggerboard"), "dagster", version)
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{version}.lock"):
        if not (folder / "complete").exists():
            requirement = "dagster" if version == "newest" else f"dagster=={version}"
            subprocess.run([find_uv(), "venv", "-q", "--clear", "-p", sys.executable, str(folder)], check=True)
            subprocess.run([find_uv(), "pip", "install", "-q", "-p", str(python), requirement, "numpy"], check=True)
            (folder / "complete").touch()
    return python


def find_uv() -> str:
    """From PATH, or where the Makefile fetched it to."""
    return shutil.which("uv") or str(Path(__file__).parents[2] / ".tools" / "uv" / "bin" / "uv")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
