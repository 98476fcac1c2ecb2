"""What a tick asks for, as plain JSON: runs, partitions, events, and what came of the runs it reacted to.

Names, cursors and config have to arrive as they are: what cannot be stored is an error, where a log line would be cleaned.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from dagster import DagsterInstance, RunRequest

from daggerboard_worker.bounds import UNWANTED, text_of
from daggerboard_worker.error_info import error_info, without_framework
from daggerboard_worker.errors import DaggerboardError
from daggerboard_worker.event_data import asset_path
from daggerboard_worker.events import event_from_entry
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.stale_assets import stale_assets
from daggerboard_worker.unsupported import refuse

Json = dict[str, Any]


class TickAnswerError(DaggerboardError):
    """A tick returned something that cannot be passed on as it is."""


def requests_json(
    loaded: LoadedLocation,
    instance: DagsterInstance,
    requests: Sequence[RunRequest] | None,
    *,
    default_job: str | None,
    backfills: bool = False,
) -> list[Json]:
    """Those that ask for something: `stale_assets_only` may leave nothing. `backfills`: whether one can be asked for."""
    asked = [
        backfill_json(request)
        if backfills and getattr(request, "asset_graph_subset", None) is not None
        else request_json(loaded, instance, request, default_job)
        for request in requests or []
    ]
    return [request for request in asked if request is not None]


def backfill_json(request: RunRequest) -> Json:
    """The contract's Request of a backfill."""
    subset: Any = request.asset_graph_subset
    parts = []
    for key in sorted(subset.asset_keys):
        is_whole = key in subset.non_partitioned_asset_keys
        keys = None if is_whole else sorted(map(str, subset.get_partitions_subset(key).get_partition_keys()))
        parts.append({"asset": asset_path(key), "partitions": keys})
    what = "a request of a backfill"
    return {
        "tags": exact_json(dict(request.tags), f"A tag of {what}"),
        "backfill": exact_json(parts, f"A partition of {what}"),
    }


def request_json(
    loaded: LoadedLocation, instance: DagsterInstance, request: RunRequest, default_job: str | None
) -> Json | None:
    """The contract's Request; None where all of its assets are up to date."""
    if getattr(request, "asset_graph_subset", None) is not None:
        refuse("RunRequest.for_asset_graph_subset")
    job = request.job_name or default_job
    assets = request.asset_selection
    if request.stale_assets_only:
        assets = stale_assets(loaded, instance, assets, job)
        if not assets:
            return None
    what = f"the run request {request.run_key!r}" if request.run_key else "a run request"
    checks = request.asset_check_keys
    return {
        "run_key": exact(request.run_key, f"The run key of {what}"),
        "job": job,
        "tags": exact_json(dict(request.tags), f"A tag of {what}"),
        "run_config": exact_json(dict(request.run_config or {}), f"The run config of {what}"),
        "assets": None if assets is None else sorted(asset_path(key) for key in assets),
        "checks": None if checks is None else sorted([asset_path(key.asset_key), key.name] for key in checks),
        "partition": exact(request.partition_key, f"The partition of {what}"),
    }


def skip_reason(result: Any, requests: Sequence[Json]) -> str | None:
    if result.skip_message is not None:
        return text_of(result.skip_message)
    return "All assets of its run requests are up to date." if result.run_requests and not requests else None


def dynamic_partitions(request: Any) -> Json:
    name = exact(request.partitions_def_name, "The name of a partitions definition")
    return {
        "op": "add" if type(request).__name__.startswith("Add") else "delete",
        "name": name,
        "keys": [exact(key, f"A partition key of {name}") for key in request.partition_keys],
    }


def reaction_json(reaction: Any) -> Json:
    """What a run-status sensor did about one run."""
    error = error_info(reaction.error)
    if error is not None:
        error["stack"] = without_framework(error["stack"])
    return {
        "run_id": reaction.dagster_run.run_id if reaction.dagster_run else None,
        "status": reaction.run_status.value if reaction.run_status else None,
        "error": error,
    }


def asset_events(instance: DagsterInstance, events: Iterable[Any]) -> list[Json]:
    """As dagster would write them to its event log, kept back instead: the control plane stores them with the tick."""
    storage: Any = instance.event_log_storage
    with storage.holding_back() as held_back:
        for event in events:
            instance.report_runless_asset_event(event)
    return [{"event": event_from_entry(entry)} for entry in held_back]


def exact(value: Any, what: str) -> Any:
    """A text that can be stored, or None."""
    if isinstance(value, str) and UNWANTED.search(value):
        raise TickAnswerError(
            f"{what} has a NUL character or half a surrogate pair, which cannot be stored: {value!r:.200}"
        )
    return value


def exact_json(value: Any, what: str) -> Any:
    """A value that is the same after a way through JSON and the database; the error names the place that is not."""
    wrong = culprit(value)
    if wrong is not None:
        raise TickAnswerError(f"{what} cannot be stored as JSON: {wrong}.")
    return value


def culprit(value: Any, path: str = "") -> str | None:
    """Where it is, and what: `ops.load.config.day is a datetime`."""
    if isinstance(value, dict):
        found = (culprit(item, f"{path}.{key}" if path else str(key)) for key, item in value.items())
        return next(filter(None, found), None)
    if isinstance(value, (list, tuple)):
        found = (culprit(item, f"{path}[{index}]") for index, item in enumerate(value))
        return next(filter(None, found), None)
    if isinstance(value, str):
        return f"{path or 'it'} has a NUL character or half a surrogate pair" if UNWANTED.search(value) else None
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return None
    return f"{path or 'it'} is {value!r:.100} of type {type(value).__name__}"
