"""A plan, stored: the runs that were planned are asked for, and their partitions know it, in one transaction or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models.functions import Now

from controlplane.automation.backfills.progress import locked
from controlplane.automation.backfills.rows import insert
from controlplane.automation.backfills.targets import JOB
from controlplane.automation.models import Backfill, BackfillPartition, BackfillStatus, PartitionProgress, RequestSource
from controlplane.automation.requests import Asked, Asker, store
from controlplane.core import recordsets
from controlplane.runs.requests import BACKFILL_TAG, PRIORITY_TAG, RunRequest
from tenants.scoping import org_scope

LOST = "It is not defined any more."


@dataclass(frozen=True)
class PlannedRun:
    """One run, and the partitions (asset, key) that it makes."""

    request: RunRequest
    partitions: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Plan:
    """What can be launched now. `found` are partitions that a mapping led to, `lost` those that no definition has any more."""

    runs: Sequence[PlannedRun]
    found: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    lost: Sequence[tuple[str, str]] = ()


class PlanMismatchError(RuntimeError):
    """A plan would launch a partition a second time; nothing of it is stored."""


# SECURITY of "once": a partition that was asked for already is not in the count, and the plan is refused.
_ASK = """
    UPDATE backfill_partition p SET request_id = d.r
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(a text, k text, r uuid)
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.asset_key = d.a AND p.partition_key = d.k
      AND p.state = 'targeted' AND p.request_id IS NULL
"""
_LOSE = """
    UPDATE backfill_partition p SET state = 'skipped', note = %(note)s
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(a text, k text)
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.asset_key = d.a AND p.partition_key = d.k
      AND p.state = 'targeted' AND p.request_id IS NULL
"""


def store_plan(planned: Backfill, plan: Plan) -> bool:
    """`planned` is the backfill as it was looked at before the plan was made. What ended meanwhile takes nothing from the plan, and is
    planned next. False when somebody else planned it, or it was cancelled.
    """
    org_id, backfill_id = planned.org_id, planned.id
    with org_scope(org_id):
        backfill = locked(org_id, backfill_id)
        if (
            backfill is None
            or backfill.plan_number != planned.plan_number
            or backfill.status != BackfillStatus.REQUESTED
        ):
            return False
        insert(backfill, plan.found)
        place: dict[str, Any] = {"org": org_id, "backfill": backfill_id}
        if plan.lost:
            rows = recordsets.rows([{"a": asset, "k": key} for asset, key in plan.lost])
            recordsets.execute(_LOSE, {**place, "rows": rows, "note": LOST})
        if plan.runs:
            _ask(backfill, plan.runs, place)
        rows_of = Backfill.objects.for_org(org_id).filter(id=backfill_id)
        rows_of.update(
            plan_number=planned.plan_number + 1,
            needs_plan=backfill.counts != planned.counts,
            planned_at=backfill.planned_at or Now(),
            requests=backfill.requests + len(plan.runs),
            error=None,
        )
        return True


def _ask(backfill: Backfill, runs: Sequence[PlannedRun], place: Mapping[str, Any]) -> None:
    asker = Asker(RequestSource.BACKFILL, backfill.id, backfill.deployment_id)
    ids = store(backfill.org_id, asker, [Asked(run.request) for run in runs], first=backfill.requests)
    rows = [
        {"a": asset, "k": key, "r": request_id}
        for run, request_id in zip(runs, ids, strict=True)
        for asset, key in run.partitions
    ]
    if recordsets.execute_counting(_ASK, {**place, "rows": recordsets.rows(rows)}) != len(rows):
        raise PlanMismatchError(f"The plan of backfill {backfill.id} has partitions that were asked for before.")


def tags_of(backfill: Backfill) -> dict[str, str]:
    """What every run of it carries."""
    priority = {PRIORITY_TAG: str(backfill.priority)} if backfill.priority else {}
    return {**backfill.tags, **priority, BACKFILL_TAG: str(backfill.id)}


def waiting_partitions(backfill: Backfill) -> list[str]:
    """Partitions of a job backfill that are not asked for yet, in order. Call it inside org_scope."""
    rows = BackfillPartition.objects.for_org(backfill.org_id).filter(
        backfill_id=backfill.id, asset_key=JOB, state=PartitionProgress.TARGETED, request_id=None
    )
    return list(rows.order_by("position").values_list("partition_key", flat=True))


def plan_of_job(backfill: Backfill) -> Plan:
    """A run for each partition; its config is the job's own where none was given, found by user code as for any run."""
    with org_scope(backfill.org_id):
        keys = waiting_partitions(backfill)
    return Plan(
        [
            PlannedRun(
                RunRequest(
                    location=backfill.location_name,
                    job=backfill.job_name,
                    partition=key,
                    run_config=backfill.run_config,
                    tags=tags_of(backfill),
                ),
                [(JOB, key)],
            )
            for key in keys
        ]
    )
