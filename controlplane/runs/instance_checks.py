"""Reads about asset checks."""

from typing import Any

import msgspec
from django.db.models import QuerySet

from controlplane.catalog.models import CheckEvaluation, CheckState
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs import planned_checks
from controlplane.runs.instance_scope import Arguments, Scope, between, key_text, page_size, record
from controlplane.runs.models import Run

CheckKey = tuple[list[str], str]
# Evaluations among which the latest execution is looked for: as many runs may evaluate a check beside each other.
_LOOKED_AT = 50


class LatestChecks(Arguments, frozen=True):
    checks: list[CheckKey]
    # Left out: any partition. Null: evaluations without one.
    partition: str | msgspec.UnsetType | None = msgspec.UNSET


class CheckHistory(Arguments, frozen=True):
    check: CheckKey
    limit: int | None = None
    before_id: int | None = None
    statuses: list[str] | None = None
    partition: str | msgspec.UnsetType | None = msgspec.UNSET


def latest_checks(scope: Scope, args: LatestChecks) -> list[dict[str, Any]]:
    wanted = {(key_text(asset), name) for asset, name in args.checks}
    if args.partition is msgspec.UNSET:
        return _latest(scope, wanted)
    latest = (_evaluations(scope, asset, name, args.partition).first() for asset, name in sorted(wanted))
    return [_of_evaluation(row) for row in latest if row]


def _latest(scope: Scope, wanted: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """As dagster orders executions: by when they were planned, and what nobody planned by when it was evaluated."""
    rows = scope.rows(CheckState).filter(asset_key__in={asset for asset, _ in wanted})
    states = {(row.asset_key, row.check_name): row for row in rows}
    texts = {f"{asset}:{name}": (asset, name) for asset, name in wanted}
    plans = {
        texts[text]: run for text, run in planned_checks.newest_runs(scope.org_id, scope.deployment_id, texts).items()
    }
    found = (_newest(scope, check, states.get(check), plans.get(check)) for check in sorted(wanted))
    return [execution for execution in found if execution is not None]


def _newest(scope: Scope, check: tuple[str, str], state: CheckState | None, plan: Run | None) -> dict[str, Any] | None:
    if plan is None:
        return _of_state(state) if state else None
    if state is None:
        return _planned(check, plan)
    # Of runs that were planned before this one, any number may have come since.
    newest = _evaluations(scope, *check, msgspec.UNSET).values_list("id", "run_id", "at")[:_LOOKED_AT]
    later = [id_ for id_, run_id, at in newest if (run_id > plan.id if run_id else at > plan.created_at)]
    own = [id_ for id_, run_id, _at in newest if run_id == plan.id]
    found = scope.rows(CheckEvaluation).filter(id__in=(later or own)[:1]).first()
    if found is None:
        return _planned(check, plan)
    # An execution begins when it is planned.
    return {**_of_evaluation(found), **({} if later else {"ts": plan.created_at.timestamp()})}


def _planned(check: tuple[str, str], plan: Run) -> dict[str, Any]:
    """Dagster tells by the run whether it is in progress still, was skipped, or failed."""
    asset, name = check
    return {
        "check": [to_parts(asset), name],
        "id": 0,
        "run_id": str(plan.id),
        "status": "PLANNED",
        "ts": plan.created_at.timestamp(),
        "partition": None,
        "record": None,
    }


def check_history(scope: Scope, args: CheckHistory) -> list[dict[str, Any]]:
    asset, name = args.check
    rows = _evaluations(scope, key_text(asset), name, args.partition).filter(**between("id", None, args.before_id))
    if args.statuses is not None:
        rows = rows.filter(passed__in=[word == "SUCCEEDED" for word in args.statuses if word != "PLANNED"])
    return [_of_evaluation(row) for row in rows[: page_size(args.limit)]]


def _evaluations(scope: Scope, asset: str, name: str, partition: Any) -> "QuerySet[CheckEvaluation]":
    rows: QuerySet[CheckEvaluation] = scope.rows(CheckEvaluation).filter(asset_key=asset, check_name=name)
    return (rows if partition is msgspec.UNSET else rows.filter(partition_key=partition)).order_by("-id")


def _of_state(state: CheckState) -> dict[str, Any]:
    return _execution(state, state.evaluation_id)


def _of_evaluation(row: CheckEvaluation) -> dict[str, Any]:
    return _execution(row, row.id)


def _execution(row: CheckState | CheckEvaluation, event_id: int) -> dict[str, Any]:
    return {
        "check": [to_parts(row.asset_key), row.check_name],
        "id": event_id,
        "run_id": str(row.run_id) if row.run_id else "",
        "status": "SUCCEEDED" if row.passed else "FAILED",
        "ts": row.at.timestamp(),
        "partition": row.partition_key,
        "record": record(event_id, row.serdes),
    }


METHODS: dict[str, Any] = {
    "latest_checks": (LatestChecks, latest_checks),
    "check_history": (CheckHistory, check_history),
}
