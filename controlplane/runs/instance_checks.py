"""Reads about asset checks."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.db.models import QuerySet

from controlplane.catalog.models import CheckEvaluation, CheckState
from controlplane.core import recordsets
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs import planned_checks
from controlplane.runs.instance_scope import Arguments, Scope, between, key_text, page_size, record
from controlplane.runs.models import Run

CheckKey = tuple[list[str], str]
# An asset and the name of its check.
CheckPlace = tuple[str, str]
# Of runs that were planned before the newest, any number may have evaluated since, so that its own is looked for by itself. What
# came after it is among the newest ones: later runs that did not say that they would evaluate the check, and what no run did.
# Nobody evaluates what is not planned yet; an hour for clocks.
_CHOSEN = """
    SELECT e.recorded_at, e.id, e.is_later
    FROM jsonb_to_recordset(%(checks)s::jsonb) AS d(asset text, name text, run_id uuid, at timestamptz) CROSS JOIN LATERAL (
        (SELECT true AS is_later, newest.recorded_at, newest.id FROM (
            SELECT c.recorded_at, c.id, c.run_id, c.at FROM check_evaluation c
            WHERE c.org_id = %(org)s AND c.deployment_id = %(deployment)s AND c.asset_key = d.asset AND c.check_name = d.name
              AND c.recorded_at > d.at - interval '1 hour'
            ORDER BY c.id DESC LIMIT 50
        ) newest WHERE CASE WHEN newest.run_id IS NULL THEN newest.at > d.at ELSE newest.run_id > d.run_id END
        ORDER BY newest.id DESC LIMIT 1)
        UNION ALL
        (SELECT false, c.recorded_at, c.id FROM check_evaluation c
        WHERE c.org_id = %(org)s AND c.run_id = d.run_id AND c.deployment_id = %(deployment)s AND c.asset_key = d.asset
          AND c.check_name = d.name AND c.recorded_at > d.at - interval '1 hour')
        ORDER BY is_later DESC, id DESC LIMIT 1
    ) e
"""


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


def _latest(scope: Scope, wanted: set[CheckPlace]) -> list[dict[str, Any]]:
    """As dagster orders executions: by when they were planned, and what nobody planned by when it was evaluated."""
    rows = scope.rows(CheckState).filter(asset_key__in={asset for asset, _ in wanted})
    found = {(row.asset_key, row.check_name): _of_state(row) for row in rows}
    texts = {f"{asset}:{name}": (asset, name) for asset, name in wanted}
    plans = {
        texts[text]: run for text, run in planned_checks.newest_runs(scope.org_id, scope.deployment_id, texts).items()
    }
    # Where nothing was evaluated ever, nothing of the plan was.
    found |= _of_plans(scope, {check: run for check, run in plans.items() if check in found})
    found |= {check: _planned(check, run) for check, run in plans.items() if check not in found}
    return [found[check] for check in sorted(wanted & found.keys())]


def _of_plans(scope: Scope, plans: Mapping[CheckPlace, Run]) -> dict[CheckPlace, dict[str, Any]]:
    """What was planned or evaluated after the plan, else its own evaluation, else that it is planned: at once for all checks."""
    asked = [
        {"asset": asset, "name": name, "run_id": run.id, "at": run.created_at} for (asset, name), run in plans.items()
    ]
    place = {"org": scope.org_id, "deployment": scope.deployment_id, "checks": recordsets.rows(asked)}
    chosen = {
        (recorded_at, id_): is_later
        for recorded_at, id_, is_later in (recordsets.fetch(_CHOSEN, place) if asked else ())
    }
    times, ids = {at for at, _ in chosen}, {id_ for _, id_ in chosen}
    found = {check: _planned(check, run) for check, run in plans.items()}
    for row in scope.rows(CheckEvaluation).filter(recorded_at__in=times, id__in=ids):
        check = (row.asset_key, row.check_name)
        # An execution begins when it is planned.
        begun = {} if chosen[row.recorded_at, row.id] else {"ts": plans[check].created_at.timestamp()}
        found[check] = {**_of_evaluation(row), **begun}
    return found


def _planned(check: CheckPlace, plan: Run) -> dict[str, Any]:
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
