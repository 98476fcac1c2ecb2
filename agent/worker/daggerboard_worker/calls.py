"""Calls: short questions to user code, each in its own process with a deadline kept by the agent."""

from collections.abc import Callable
from typing import Any

from dagster import DagsterInvalidConfigError, JobDefinition
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.system_config.objects import ResolvedRunConfig

from daggerboard_worker.bounds import clean_text, encode
from daggerboard_worker.call_instance import CallPlace
from daggerboard_worker.connection import connect
from daggerboard_worker.error_info import exception_info, load_error_info
from daggerboard_worker.errors import DaggerboardError
from daggerboard_worker.hosted_job import host_job
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.partition_calls import job_partition, list_partition_keys, map_partitions
from daggerboard_worker.plan_json import plan_json
from daggerboard_worker.records import asset_keys, check_keys
from daggerboard_worker.ticks import schedule_tick, sensor_tick
from daggerboard_worker.unsupported import asked_for

Json = dict[str, Any]


# What the agent may post to the control plane is bounded at 8 MiB; masks of secrets can make the answer longer.
RESULT_BYTES = 7 * 1024 * 1024


def answer_call(load: Callable[[], LoadedLocation], place: CallPlace, *, op: str, args: Json) -> int:
    agent = connect(path=place.socket_path, subject=place.call_id, role="call")
    try:
        result = CALLS[op](load(), args, place) if op in CALLS else unknown(op)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything; the caller gets to see it
        result = {"error": load_error_info(error)}
    if asked_for:
        result["unsupported"] = asked_for
    agent.ask("result", within_bounds(op, result))
    return 0


def within_bounds(op: str, result: Json) -> Json:
    """What is too large to be posted becomes an error that says so; the parts of it that are small are kept."""
    size = len(encode(result))
    if size <= RESULT_BYTES:
        return result
    sizes = {name: len(encode(value)) for name, value in result.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    error = ResultTooLargeError(
        f"The answer of {op} has {size:,} bytes, of which {sizes[largest]:,} are its {largest}; at most {RESULT_BYTES:,} can "
        "be passed on. Ask for fewer runs at a time and go on from the cursor, or keep large values out of it."
    )
    return {"error": exception_info(error), **{name: result[name] for name in ("log", "unsupported") if name in result}}


class ResultTooLargeError(DaggerboardError):
    """The answer of a call cannot be posted."""


def unknown(op: str) -> Json:
    return {"error": exception_info(ValueError(f"This worker does not know the call {op!r}; update the agent."))}


def selected_job(loaded: LoadedLocation, args: Json) -> JobDefinition:
    return host_job(
        loaded,
        job=args["job"],
        op_selection=args.get("op_selection"),
        assets=asset_keys(args.get("asset_selection")),
        checks=check_keys(args.get("check_selection")),
    ).definition


def validate_run_config(loaded: LoadedLocation, args: Json, _: CallPlace) -> Json:
    try:
        ResolvedRunConfig.build(selected_job(loaded, args), args.get("run_config") or {})
    except DagsterInvalidConfigError as error:
        return {"valid": False, "errors": [config_error(item) for item in error.errors]}
    return {"valid": True, "errors": []}


def config_error(error: Any) -> Json:
    return {
        "path": [step for entry in error.stack.entries if (step := path_step(entry)) is not None],
        "message": clean_text(error.message),
        "reason": error.reason.value,
        "fields": field_names(error.error_data),
    }


def field_names(data: Any) -> list[str]:
    """The fields of the table at `path` that are missing or unknown."""
    if hasattr(data, "field_names"):
        return list(data.field_names)
    return [data.field_name] if hasattr(data, "field_name") else []


def path_step(entry: Any) -> Any:
    for name in ("field_name", "list_index", "map_key"):
        if hasattr(entry, name):
            return getattr(entry, name)
    return None


def execution_plan(loaded: LoadedLocation, args: Json, _: CallPlace) -> Json:
    job = selected_job(loaded, args)
    resolved = ResolvedRunConfig.build(job, args.get("run_config") or {})
    return {"steps": plan_json(ExecutionPlan.build(job, resolved))}


CALLS: dict[str, Callable[[LoadedLocation, Json, CallPlace], Json]] = {
    "validate_run_config": validate_run_config,
    "execution_plan": execution_plan,
    "schedule_tick": schedule_tick,
    "sensor_tick": sensor_tick,
    "job_partition": job_partition,
    "partition_keys": list_partition_keys,
    "map_partitions": map_partitions,
}
