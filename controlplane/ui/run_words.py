"""Runs in the words of the pages: what one makes, and which assets only wait for theirs."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.selectors import AssetView
from controlplane.deployments.visibility import Visible
from controlplane.runs.selectors import some_runs
from controlplane.runs.states import RunStatus

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


def waiting_assets(visible: Visible, views: Iterable[AssetView]) -> set[str]:
    """Those whose newest run is still in the queue, as far as the reader sees it: nothing of them is in progress."""
    planned = {
        view.key: view.state.planned_run_id
        for view in views
        if view.state is not None and view.state.planned_run_id is not None and view.status == AssetStatus.IN_PROGRESS
    }
    if not planned:
        return set()
    queued = {run.id for run in some_runs(visible, set(planned.values())) if run.status == RunStatus.QUEUED}
    return {key for key, run_id in planned.items() if run_id in queued}
