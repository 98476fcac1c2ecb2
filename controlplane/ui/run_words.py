"""Runs in the words of the pages: what one makes."""

from collections.abc import Sequence
from typing import Protocol

_NAMED = 3


class Target(Protocol):
    """What a run, or what shows one, knows of what it makes."""

    job_name: str
    target_assets: Sequence[str]


def is_of_assets(job_name: str) -> bool:
    """Whether this is no job of people's, but dagster's own for a selection of assets."""
    return job_name.startswith("__")


def target_words(run: Target) -> str:
    """The job, or the first few assets."""
    if not is_of_assets(run.job_name):
        return run.job_name
    named, more = ", ".join(run.target_assets[:_NAMED]), len(run.target_assets) - _NAMED
    return (f"{named} and {more} more" if more > 0 else named) or "Materialize"
