"""The version this agent reports of itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def agent_version() -> str:
    """Answer what is installed; a bare checkout is not installed and says so."""
    try:
        return version("daggerboard-agent")
    except PackageNotFoundError:
        return "0+checkout"
