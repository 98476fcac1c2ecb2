"""Calls: short questions to user code, each in its own process with a deadline kept by the agent."""

from collections.abc import Callable
from typing import Any

from dagster import DagsterInvalidConfigError, JobDefinition
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.system_config.objects import ResolvedRunConfig

from daggerboard_worker.bounds import clean_text
from daggerboard_worker.connection import connect
from daggerboard_worker.error_info import exception_info, load_error_info
from daggerboard_worker.hosted_job import host_job
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.plan_json import plan_json
from daggerboard_worker.records import asset_keys, check_keys
from daggerboard_worker.unsupported import asked_for

Json = dict[str, Any]


def answer_call(load: Callable[[], LoadedLocation], *, call_id: str, op: str, args: Json, socket_path: str) -> int:
    agent = connect(path=socket_path, subject=call_id, role="call")
    try:
        result = CALLS[op](load(), args) if op in CALLS else unknown(op)
    except Exception as error:  # noqa: BLE001 - user code may raise anything; the caller gets to see it
        result = {"error": load_error_info(error)}
    if asked_for:
        result["unsupported"] = asked_for
    agent.ask("result", result)
    return 0


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


def validate_run_config(loaded: LoadedLocation, args: Json) -> Json:
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


def execution_plan(loaded: LoadedLocation, args: Json) -> Json:
    job = selected_job(loaded, args)
    resolved = ResolvedRunConfig.build(job, args.get("run_config") or {})
    return {"steps": plan_json(ExecutionPlan.build(job, resolved))}


CALLS: dict[str, Callable[[LoadedLocation, Json], Json]] = {
    "validate_run_config": validate_run_config,
    "execution_plan": execution_plan,
}
