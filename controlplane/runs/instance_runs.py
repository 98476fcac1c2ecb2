"""Reads about runs: records, groups, tags."""

import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from controlplane.definitions.asset_keys import check_parts, to_parts
from controlplane.runs import labels
from controlplane.runs.instance_scope import PAGE_MAX, Arguments, Scope, between, page_size
from controlplane.runs.models import Run, RunLabel
from tenants.errors import InvalidError

# `id` of a run for dagster: the part of its UUIDv7 that rises, time first, in 60 bits.
_RISING_BITS = 68
_TAG_RUNS = 10_000


class RunFilters(Arguments, frozen=True):
    ids: list[str] | None = None
    job: str | None = None
    statuses: list[str] | None = None
    tags: dict[str, str | list[str]] | None = None
    created_after: float | None = None
    created_before: float | None = None
    updated_after: float | None = None
    updated_before: float | None = None


class Runs(RunFilters, frozen=True):
    limit: int | None = None
    ascending: bool = False
    before: str | None = None
    order_by: str | None = None


class OneRun(Arguments, frozen=True):
    run_id: str


class RunTags(Arguments, frozen=True):
    tags: list[str]
    prefix: str | None = None
    limit: int | None = None


def runs(scope: Scope, args: Runs) -> list[dict[str, Any]]:
    """The order of `updated_at` is not kept as an index: dagster's other orders are those of creation."""
    rows = _filtered(scope, args)
    column = "updated_at" if args.order_by == "update_timestamp" else "id"
    if args.before is not None:
        rows = rows.filter(**{"id__gt" if args.ascending else "id__lt": run_uuid(args.before)})
    return [_run(row) for row in rows.order_by(column if args.ascending else f"-{column}")[: page_size(args.limit)]]


def run_count(scope: Scope, args: RunFilters) -> int:
    return _filtered(scope, args).count()


def _filtered(scope: Scope, args: RunFilters) -> "QuerySet[Run]":
    rows: QuerySet[Run] = scope.rows(Run)
    if args.ids is not None:
        rows = rows.filter(id__in=[found for found in map(_uuid_or_none, args.ids) if found])
    if args.job is not None:
        rows = rows.filter(job_name=args.job)
    if args.statuses is not None:
        rows = rows.filter(status__in=args.statuses)
    for name, wanted in (args.tags or {}).items():
        values = [wanted] if isinstance(wanted, str) else wanted
        found = scope.rows(RunLabel).filter(label__in=[labels.tag(name, value) for value in values])
        rows = rows.filter(id__in=found.values("run_id"))
    created = between("created_at", moment(args.created_after), moment(args.created_before))
    updated = between("updated_at", moment(args.updated_after), moment(args.updated_before))
    return rows.filter(**created, **updated)


def run_group(scope: Scope, args: OneRun) -> dict[str, Any] | None:
    """The root and what was run again from it, the first one first: of many the root and the newest, PAGE_MAX in all."""
    found = scope.rows(Run).filter(id=run_uuid(args.run_id)).first()
    if found is None:
        return None
    root = found.root_run_id or found.id
    newest = scope.rows(Run).filter(root_run_id=root).order_by("-id").values_list("id", flat=True)[:PAGE_MAX]
    ids = list(newest)
    shown = ids if len(ids) < PAGE_MAX else [root, *ids[:-1]]
    rows = scope.rows(Run).filter(id__in=shown).order_by("id")
    return {"root_run_id": str(root), "runs": [_run(row) for row in rows]}


def run_tags(scope: Scope, args: RunTags) -> dict[str, list[str]]:
    """Values of these tags on the deployment's newest runs."""
    found: dict[str, set[str]] = {}
    for tags in scope.rows(Run).order_by("-id").values_list("tags", flat=True)[:_TAG_RUNS]:
        for name in args.tags:
            if name in tags and tags[name].startswith(args.prefix or ""):
                found.setdefault(name, set()).add(tags[name])
    limited = {name: sorted(values) for name, values in found.items()}
    return {name: values[: args.limit] for name, values in limited.items()}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id.int >> _RISING_BITS,
        "run_id": str(run.id),
        "job": run.job_name,
        "location": run.location_name,
        "status": run.status,
        "tags": run.tags,
        "run_config": run.run_config,
        "asset_selection": None if run.asset_selection is None else [to_parts(key) for key in run.asset_selection],
        "check_selection": None if run.check_selection is None else [check_parts(key) for key in run.check_selection],
        "op_selection": run.op_selection,
        "step_keys": run.step_keys,
        "parent_run_id": str(run.parent_run_id) if run.parent_run_id else None,
        "root_run_id": str(run.root_run_id) if run.parent_run_id else None,
        "created_at": run.created_at.timestamp(),
        "updated_at": run.updated_at.timestamp(),
        "started_at": run.started_at.timestamp() if run.started_at else None,
        "ended_at": run.ended_at.timestamp() if run.ended_at else None,
    }


def run_uuid(text: str) -> UUID:
    found = _uuid_or_none(text)
    if found is None:
        raise InvalidError(f"{text!r} is not the id of a run.", attr="run_id")
    return found


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def moment(ts: float | None) -> Any:
    return None if ts is None else datetime.datetime.fromtimestamp(max(0.0, min(ts, 4e9)), datetime.UTC)


METHODS: dict[str, Any] = {
    "runs": (Runs, runs),
    "run_count": (RunFilters, run_count),
    "run_group": (OneRun, run_group),
    "run_tags": (RunTags, run_tags),
}
