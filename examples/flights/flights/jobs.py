"""Jobs: what people and schedules start by name, and what ends a branch deployment."""

import dagster as dg
from daggerboard_branchkit import Branch, branch_job

from flights.lake import FlightLake

first_materialization = dg.define_asset_job(
    "first_materialization",
    selection=dg.AssetSelection.groups("raw", "year"),
    description="Everything that has no partitions, with its checks: the first thing to run. Takes a few seconds.",
    # Starting a process for each of the fourteen steps would take several times longer than the steps do.
    executor_def=dg.in_process_executor,
    tags={"team": "data-platform"},
)

replay_day = dg.define_asset_job(
    "replay_day",
    selection=dg.AssetSelection.groups("daily"),
    description="One day of 2013: its flights, its weather and its delays.",
    tags={"team": "flight-operations"},
)

close_month = dg.define_asset_job(
    "close_month",
    selection=dg.AssetSelection.groups("monthly"),
    description="One month of 2013: punctuality and the report, from the days that are loaded.",
    tags={"team": "analytics"},
)


def drop_files(_branch: Branch) -> str:
    """Delete every file that the branch wrote."""
    return f"{FlightLake().folder.drop()} files deleted"


close_branch = branch_job(
    "close_branch",
    [drop_files],
    description="Takes away what a branch deployment wrote: the last thing that runs in it.",
)
