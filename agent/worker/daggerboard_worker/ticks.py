"""Ticks: one evaluation of a schedule or a sensor, as dagster's own code server does it, with nothing done but to answer."""

from collections.abc import Callable
from typing import Any

from dagster import DagsterInstance
from dagster._core.definitions.schedule_definition import ScheduleEvaluationContext
from dagster._core.definitions.sensor_definition import SensorEvaluationContext
from dagster._core.errors import DagsterUserCodeExecutionError
from dagster._core.execution.resources_init import get_transitive_required_resource_keys
from dagster._time import datetime_from_timestamp

from daggerboard_worker.backfills_under_way import answer_by_control_plane
from daggerboard_worker.call_instance import CallPlace
from daggerboard_worker.compat import partition_context, remote_origins
from daggerboard_worker.error_info import exception_info
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.tick_answers import (
    asset_events,
    dynamic_partitions,
    exact,
    reaction_json,
    requests_json,
    skip_reason,
)
from daggerboard_worker.tick_log import TickLog

Json = dict[str, Any]
# Dagster's mark of a sensor that would rather have one backfill than many runs.
EMIT_BACKFILLS = "dagster/emit_backfills"


def schedule_tick(loaded: LoadedLocation, args: Json, place: CallPlace) -> Json:
    """`{"name", "due", "timezone"}`; the answer is a Tick (docs/code-worker.md, Calls)."""
    definition = loaded.repository.get_schedule_def(args["name"])
    log = TickLog()

    def evaluate() -> Json:
        due = datetime_from_timestamp(args["due"], tz=args.get("timezone") or "UTC")
        ref = place.instance_ref()
        context = ScheduleEvaluationContext(
            ref,
            due,
            log_key=[args["name"]],
            repository_name=loaded.repository.name,
            schedule_name=definition.name,
            resources=needed_resources(loaded, definition),
            repository_def=loaded.repository,
        )
        # It takes no instance as an argument, as the context of a sensor does.
        context._instance = place.instance(ref)
        with context:
            log.listen_to(context.log)
            result = definition.evaluate_tick(context)
            requests = requests_json(loaded, context.instance, result.run_requests, default_job=definition.job_name)
            return {"requests": requests, "skip": skip_reason(result, requests)}

    return answer(evaluate, log)


def sensor_tick(loaded: LoadedLocation, args: Json, place: CallPlace) -> Json:
    """`{"name", "last_tick", "last_run_key", "cursor", "started", "backfills"}`; the answer is a Tick (docs/code-worker.md, Calls)."""
    definition = loaded.repository.get_sensor_def(args["name"])
    if not args.get("backfills"):
        definition = without_backfills(definition)
    answer_by_control_plane()
    log = TickLog()

    def evaluate() -> Json:
        ref = place.instance_ref()
        context = SensorEvaluationContext(
            ref,
            last_tick_completion_time=seconds(args.get("last_tick")),
            last_run_key=args.get("last_run_key"),
            cursor=args.get("cursor"),
            instance=place.instance(ref),
            log_key=[args["name"]],
            repository_name=loaded.repository.name,
            repository_def=loaded.repository,
            sensor_name=definition.name,
            resources=needed_resources(loaded, definition),
            last_sensor_start_time=seconds(args.get("started")),
            code_location_origin=remote_origins().RegisteredCodeLocationOrigin(loaded.location.name),
        )
        with context:
            log.listen_to(context.log)
            result = definition.evaluate_tick(context)
            backfills = bool(args.get("backfills"))
            return sensor_answer(loaded, context.instance, definition, result, backfills=backfills)

    return answer(evaluate, log)


def without_backfills(definition: Any) -> Any:
    """Where no backfill can be asked for, a sensor of automation conditions requests many partitions as runs, each of its own. Every tick
    has a process to itself.
    """
    if EMIT_BACKFILLS in (definition.metadata or {}):
        kept = {name: value for name, value in definition.metadata.items() if name != EMIT_BACKFILLS}
        definition._metadata = kept
    return definition


def sensor_answer(
    loaded: LoadedLocation, instance: DagsterInstance, definition: Any, result: Any, *, backfills: bool
) -> Json:
    targets = [target.job_name for target in definition.targets]
    only = targets[0] if len(targets) == 1 else None
    with partition_context(instance):
        requests = requests_json(loaded, instance, result.run_requests, default_job=only, backfills=backfills)
    return {
        "requests": requests,
        "skip": skip_reason(result, requests),
        "cursor": exact(result.cursor, "The cursor"),
        "dynamic_partitions": [dynamic_partitions(request) for request in result.dynamic_partitions_requests or []],
        "reactions": [reaction_json(reaction) for reaction in result.dagster_run_reactions or []],
        "asset_events": asset_events(instance, result.asset_events or []),
    }


NOTHING: Json = {
    "requests": [],
    "skip": None,
    "cursor": None,
    "dynamic_partitions": [],
    "reactions": [],
    "asset_events": [],
}


def answer(evaluate: Callable[[], Json], log: TickLog) -> Json:
    """The Tick, or the user's error; the log is in either."""
    with log.capturing():
        try:
            tick = {**NOTHING, **evaluate()}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything; people get to see it
            tick = {"error": exception_info(users_own(error))}
    return {**tick, "log": log.lines()}


def users_own(error: BaseException) -> BaseException:
    """What user code raised, where dagster says that user code raised something."""
    while isinstance(error, DagsterUserCodeExecutionError) and error.user_exception is not None:
        error = error.user_exception
    return error


def needed_resources(loaded: LoadedLocation, definition: Any) -> Json:
    resources = loaded.repository.get_top_level_resources()
    needed = get_transitive_required_resource_keys(definition.required_resource_keys, resources)
    return {key: resource for key, resource in resources.items() if key in needed}


def seconds(value: float | None) -> float | None:
    return None if value is None else float(value)
