"""Execute one run with dagster's own engine, in this process."""

from contextlib import closing
from typing import Any

from dagster import DagsterRun, DagsterRunStatus
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.system_config.objects import ResolvedRunConfig
from dagster._grpc.impl import core_execute_run
from dagster._serdes import serialize_value
from dagster._utils.interrupts import capture_interrupts

from daggerboard_worker.attempts import Workplace
from daggerboard_worker.connection import AgentConnection
from daggerboard_worker.executors import choose_executor, use_executor
from daggerboard_worker.hosted_job import HostedJob, host_job
from daggerboard_worker.instance import instance_ref, make_findable, open_instance
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.own_run import own
from daggerboard_worker.plan_json import plan_json
from daggerboard_worker.pools import pools_of
from daggerboard_worker.prepared import prepared_instance
from daggerboard_worker.records import asset_keys, check_keys
from daggerboard_worker.resumption import SNAPSHOT_ID, known_state
from daggerboard_worker.run_spec import RunSpec
from daggerboard_worker.run_tags import run_config, run_tags


def execute_run(loaded: LoadedLocation, spec: RunSpec, place: Workplace, agent: AgentConnection) -> DagsterRunStatus:
    """The status the run ended with; not a final one if dagster could not even report the failure."""
    hosted = host_job(
        loaded,
        job=spec.job,
        op_selection=spec.op_selection,
        assets=asset_keys(spec.asset_selection),
        checks=check_keys(spec.check_selection),
    )
    own.run = dagster_run(hosted, loaded, spec)
    own.seed(spec.input_records)
    state = known_state(agent, spec)
    if state is not None:
        own.run = own.run._replace(execution_plan_snapshot_id=SNAPSHOT_ID)
    own.start_data = prepare_executor(hosted, own.run, place.mode, state)
    if own.start_data.get("executor") not in ("in_process", "fork"):
        agent.ask("put_own_run", serialize_value(own.run))
    ref = instance_ref(
        socket_path=place.socket_path,
        subject=spec.attempt_id,
        run_id=spec.run_id,
        attempt_dir=place.attempt_dir,
        storage_dir=place.storage_dir,
    )
    make_findable(ref, place.attempt_dir)
    instance = prepared_instance(ref, subject=spec.attempt_id, run_id=spec.run_id, attempt_dir=place.attempt_dir)
    with capture_interrupts(), instance or open_instance(ref) as instance:
        drive(hosted, instance)
    return own.run.status  # type: ignore[no-any-return]


def drive(hosted: HostedJob, instance: Any) -> None:
    """Let dagster run; what it raises it has reported as events before."""
    events = core_execute_run(hosted, own.run, instance, inject_env_vars=False)
    try:
        with closing(events):
            for event in events:
                own.note_event(event)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - dagster's own run worker ignores it here, too
        return


def dagster_run(hosted: HostedJob, loaded: LoadedLocation, spec: RunSpec) -> DagsterRun:
    job = hosted.definition
    return DagsterRun(
        job_name=spec.job,
        run_id=spec.run_id,
        run_config=run_config(job, spec),
        tags=run_tags(job, loaded.repository, spec),
        status=DagsterRunStatus.STARTING,
        asset_selection=asset_keys(spec.asset_selection),
        asset_check_selection=check_keys(spec.check_selection),
        op_selection=spec.op_selection,
        resolved_op_selection=frozenset(spec.op_selection) if spec.op_selection else None,
        step_keys_to_execute=spec.step_keys,
        parent_run_id=spec.parent_run_id,
        root_run_id=spec.root_run_id or spec.parent_run_id,
        job_code_origin=hosted.get_python_origin(),
    )


def prepare_executor(hosted: HostedJob, run: DagsterRun, mode: str, state: Any) -> dict[str, Any]:
    """`data` of the run's first event. A config that does not resolve is left to dagster, which reports it."""
    job = hosted.definition
    try:
        resolved = ResolvedRunConfig.build(job, run.run_config)
        plan = ExecutionPlan.build(
            job, resolved, step_keys_to_execute=run.step_keys_to_execute, tags=run.tags, known_state=state
        )
    except Exception:  # noqa: BLE001 - user-made config schemas may raise anything
        return {"mode": mode}
    own.pools = pools_of(plan)
    choice = choose_executor(job, resolved.execution, plan)
    use_executor(job, choice)
    return {"mode": mode, "executor": choice, "plan": plan_json(plan)}
