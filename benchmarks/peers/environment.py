"""The peer's Python environment: made once with uv in the user's cache folder, used again while its packages stay the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from benchmarks.progress import say

VERSION = "1.13.27"
# Each pinned: left alone, pip would go back to the last release whose parts agree.
PACKAGES = (
    f"dagster=={VERSION}",
    f"dagster-webserver=={VERSION}",
    f"dagster-graphql=={VERSION}",
    "dagster-postgres==0.29.27",
)
SAMPLE = Path(__file__).parents[2] / "examples" / "flights"


def interpreter() -> Path:
    """The environment's Python; makes the environment where it is missing or incomplete."""
    folder = user_cache_path("daggerboard-benchmarks") / f"dagster-{VERSION}"
    python, done = folder / "bin" / "python", folder / "complete"
    if done.exists():
        return python
    say(f"installing Dagster {VERSION} for comparison")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _uv("venv", "--python", sys.executable, str(folder))
    _uv("pip", "install", "--python", str(python), *PACKAGES, "--editable", str(SAMPLE))
    done.touch()
    return python


def command(name: str) -> str:
    """A console command of that environment."""
    return str(interpreter().parent / name)


def _uv(*words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([_program(), *words, "--quiet"], check=True, env=environment)


def _program() -> str:
    fetched = Path(__file__).parents[2] / ".tools" / "uv" / "bin" / "uv"
    return shutil.which("uv") or str(fetched)
