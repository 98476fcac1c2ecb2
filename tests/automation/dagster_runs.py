"""Runs as dagster's daemon requests them: of named assets and named checks."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.execution.api import create_execution_plan
from dagster._core.snap import snapshot_from_execution_plan

from tenants.ids import uuid7


def requested_run(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    keys: Sequence[dg.AssetKey],
    checks: Sequence[dg.AssetCheckKey],
    *,
    tags: Mapping[str, str],
    at: datetime.datetime,
) -> Any:
    """A run of these, with what it plans in the log. `create_run_for_job` would leave out which checks were asked for."""
    chosen: Any = {"asset_selection": frozenset(keys), "asset_check_selection": frozenset(checks)}
    job = repository.get_maybe_subset_job_def("__ASSET_JOB", **chosen)
    assert job is not None
    plan = create_execution_plan(job, tags=tags)
    run = instance.create_run(
        job_name=job.name,
        run_id=str(uuid7()),
        run_config=None,
        status=None,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, job.get_job_snapshot_id()),
        job_snapshot=job.get_job_snapshot(),
        parent_job_snapshot=job.get_parent_job_snapshot(),
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=None,
        job_code_origin=None,
        asset_graph=job.asset_layer.asset_graph,
        **chosen,
    )
    _dated(instance, run.run_id, at)
    return run


def _dated(instance: dg.DagsterInstance, run_id: str, at: datetime.datetime) -> None:
    """It begins when it does in the history; the database would say today, and the same of all within a second."""
    storage: Any = instance.run_storage
    with storage.connect() as connection:
        connection.exec_driver_sql(
            "update runs set create_timestamp = ? where run_id = ?", (at.strftime("%Y-%m-%d %H:%M:%S.%f"), run_id)
        )
