"""What the user's environment has to bring: a dagster that we support."""

import sys
from importlib.metadata import PackageNotFoundError, version

from daggerboard_worker.errors import LocationError

OLDEST = (1, 10)


def dagster_version() -> str | None:
    """Without importing it: it may be what fails."""
    try:
        return version("dagster")
    except PackageNotFoundError:
        return None


def require_dagster() -> None:
    found = dagster_version()
    if found is None:
        raise LocationError(
            f"There is no dagster in {sys.executable}. Where its environment is built from the project's files, add dagster to "
            "requirements.txt or pyproject.toml and deploy again. Otherwise install it there, or name the interpreter of your "
            "project as executable_path of the code location."
        )
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < OLDEST:
        oldest = ".".join(str(part) for part in OLDEST)
        raise LocationError(
            f"{sys.executable} has dagster {found}; Daggerboard needs {oldest} or newer. Upgrade it there."
        )
