"""Reads about what happened in runs: their events, and their changes of status."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from controlplane.catalog.models import AssetEvent, CheckEvaluation
from controlplane.runs.asset_rows import asset_key
from controlplane.runs.instance_runs import moment, run_uuid
from controlplane.runs.instance_scope import Arguments, Scope, between, page_size
from controlplane.runs.models import Run, RunEvent, RunStatusEvent

# `id` of an event within its run.
_ATTEMPT_SHIFT = 40
# The two tables round the same moment apart from each other.
_SAME_MOMENT_SECONDS = 0.001
_BODIES = {
    "ASSET_MATERIALIZATION": "materialization",
    "ASSET_OBSERVATION": "observation",
    "ASSET_CHECK_EVALUATION": "check",
}


class RunEvents(Arguments, frozen=True):
    run_id: str
    types: list[str] | None = None
    after_id: int | None = None
    limit: int | None = None
    ascending: bool = True


class StatusChanges(Arguments, frozen=True):
    type: str
    jobs: list[str] | None = None
    ids: list[int] | None = None
    after_id: int | None = None
    before_id: int | None = None
    after_ts: float | None = None
    before_ts: float | None = None
    limit: int | None = None
    ascending: bool = False


def run_events(scope: Scope, args: RunEvents) -> dict[str, Any]:
    run = scope.rows(Run).filter(id=run_uuid(args.run_id)).only("id", "job_name").first()
    if run is None:
        return {"records": [], "has_more": False}
    rows = RunEvent.objects.for_org(scope.org_id).filter(run_id=run.id).exclude(type__startswith="AGENT_")
    if args.types is not None:
        rows = rows.filter(type__in=args.types)
    if args.after_id is not None:
        attempt, seq = args.after_id >> _ATTEMPT_SHIFT, args.after_id & ((1 << _ATTEMPT_SHIFT) - 1)
        side = "gt" if args.ascending else "lt"
        rows = rows.filter(Q(**{f"attempt__{side}": attempt}) | Q(**{"attempt": attempt, f"seq__{side}": seq}))
    order = ("attempt", "seq") if args.ascending else ("-attempt", "-seq")
    limit = page_size(args.limit)
    found = list(rows.order_by(*order)[: limit + 1])
    kept = _kept_whole(scope, run, found[:limit])
    return {"records": [_run_event(run, row, kept) for row in found[:limit]], "has_more": len(found) > limit}


def _kept_whole(scope: Scope, run: Run, rows: Sequence[RunEvent]) -> dict[int, str]:
    """Dagster's own form of the asset and check events among these, by the event's id; the catalog keeps it."""
    wanted = [row for row in rows if row.type in _BODIES]
    if not wanted:
        return {}
    columns = ("asset_key", "step_key", "at", "serdes")
    kept = [*scope.rows(AssetEvent).filter(run_id=run.id).order_by("id").values_list("kind", *columns)]
    evaluations = scope.rows(CheckEvaluation).filter(run_id=run.id).order_by("id")
    kept += [("check", *row) for row in evaluations.values_list(*columns)]
    by_place: dict[tuple[Any, ...], list[tuple[Any, str]]] = {}
    for kind, asset, step, at, serdes in kept:
        by_place.setdefault((kind, asset, step), []).append((at, serdes))
    found = {_id(row): _nearest(row, by_place.get(_place(row), [])) for row in wanted}
    return {event_id: serdes for event_id, serdes in found.items() if serdes}


def _place(row: RunEvent) -> tuple[Any, ...]:
    body = _BODIES[row.type]
    return body, asset_key(((row.data or {}).get(body) or {}).get("asset")), row.step_key


def _nearest(row: RunEvent, candidates: list[tuple[Any, str]]) -> str:
    """The form kept for this event; each is taken once, for an asset can be made twice within a millisecond."""
    distances = [abs((at - row.at).total_seconds()) for at, _ in candidates]
    nearest = min(distances, default=_SAME_MOMENT_SECONDS)
    return candidates.pop(distances.index(nearest))[1] if nearest < _SAME_MOMENT_SECONDS else ""


def _id(row: RunEvent) -> int:
    return (row.attempt << _ATTEMPT_SHIFT) + row.seq


def run_status_changes(scope: Scope, args: StatusChanges) -> dict[str, Any]:
    rows = scope.rows(RunStatusEvent).filter(type=args.type, **between("id", args.after_id, args.before_id))
    rows = rows.filter(**scope.settled(args.after_id), **between("at", moment(args.after_ts), moment(args.before_ts)))
    if args.jobs is not None:
        rows = rows.filter(job_name__in=args.jobs)
    if args.ids is not None:
        rows = rows.filter(id__in=args.ids)
    limit = page_size(args.limit)
    found = list(rows.order_by("id" if args.ascending else "-id")[: limit + 1])
    return {"records": [_status_event(row) for row in found[:limit]], "has_more": len(found) > limit}


def _run_event(run: Run, row: RunEvent, kept: dict[int, str]) -> dict[str, Any]:
    event = {
        "ts": row.at.timestamp(),
        "type": row.type,
        "level": row.level,
        "step": row.step_key,
        "message": row.message,
        "data": row.data,
        "error": row.error,
        "serdes": kept.get(_id(row)),
    }
    return {"id": _id(row), "run_id": str(run.id), "job": run.job_name, "event": event}


def _status_event(row: RunStatusEvent) -> dict[str, Any]:
    event = {"ts": row.at.timestamp(), "type": row.type, "level": 20, "step": None, "message": row.message}
    return {"id": row.id, "run_id": str(row.run_id), "job": row.job_name, "event": event}


METHODS: dict[str, Any] = {
    "run_events": (RunEvents, run_events),
    "run_status_changes": (StatusChanges, run_status_changes),
}
