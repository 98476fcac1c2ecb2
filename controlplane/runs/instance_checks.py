"""Reads about asset checks."""

from typing import Any

import msgspec
from django.db.models import QuerySet

from controlplane.catalog.models import CheckEvaluation, CheckState
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs.instance_scope import Arguments, Scope, between, key_text, page_size, record

CheckKey = tuple[list[str], str]


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
        states = scope.rows(CheckState).filter(asset_key__in={asset for asset, _ in wanted})
        return [_of_state(state) for state in states if (state.asset_key, state.check_name) in wanted]
    latest = (_evaluations(scope, asset, name, args.partition).first() for asset, name in sorted(wanted))
    return [_of_evaluation(row) for row in latest if row]


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
