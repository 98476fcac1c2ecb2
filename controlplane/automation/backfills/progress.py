"""Where a backfill is: what its runs came to, read from runs and materializations, written to its partitions. Set-based.

A look is one transaction that holds the backfill's row, so that two never mix; it reads runs and locks none.
"""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.models import Backfill, BackfillKind, BackfillStatus, PartitionProgress
from controlplane.catalog import changes
from controlplane.core import recordsets
from controlplane.runs import labels
from controlplane.runs.requests import BACKFILL_TAG
from controlplane.runs.states import TERMINAL
from tenants.ids import first_uuid7_at
from tenants.scoping import org_scope

# Runs are looked for from a little before the last look: transactions that began earlier may have ended later.
_OVERLAP = datetime.timedelta(seconds=60)
_STUCK = "What it is made from was not made."

# A request that was launched has a run now; one that was refused says why.
_ATTACH = """
    UPDATE backfill_partition p SET
        run_id = q.run_id,
        state = CASE q.state WHEN 'launched' THEN 'requested' WHEN 'canceled' THEN 'canceled' ELSE 'failed' END,
        note = left(q.refusal, 1000)
    FROM requested_run q
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.state = 'requested' AND p.run_id IS NULL
      AND q.org_id = p.org_id AND q.id = p.request_id AND q.state <> 'pending'
"""
# Runs that somebody, or a rule, made again of one of ours: they stand for it now.
_AGAIN = """
    SELECT DISTINCT ON (r.root_run_id) r.id FROM run_label l JOIN run r ON r.org_id = l.org_id AND r.id = l.run_id
    WHERE l.org_id = %(org)s AND l.deployment_id = %(deployment)s AND l.label = %(label)s AND l.run_id >= %(since)s
      AND r.parent_run_id IS NOT NULL
    ORDER BY r.root_run_id, r.id DESC
"""
_ADOPT = """
    UPDATE backfill_partition p SET run_id = r.id, state = 'requested', note = ''
    FROM run r JOIN run o ON o.org_id = r.org_id AND o.root_run_id = r.root_run_id AND o.id < r.id
    WHERE r.org_id = %(org)s AND r.id = ANY(%(runs)s) AND p.org_id = r.org_id AND p.run_id = o.id AND p.backfill_id = %(backfill)s
      AND p.state IN ('requested', 'failed', 'canceled', 'skipped') AND (p.asset_key = '' OR r.target_assets ? p.asset_key)
"""
_IN_PROGRESS = """
    SELECT DISTINCT run_id FROM backfill_partition
    WHERE org_id = %(org)s AND backfill_id = %(backfill)s AND state = 'requested' AND run_id IS NOT NULL
"""
_ENDED = "SELECT id FROM run WHERE org_id = %(org)s AND id = ANY(%(runs)s) AND status = ANY(%(terminal)s) AND retry_verdict <> 'due'"
_MATERIALIZED = """
    UPDATE backfill_partition p SET state = 'materialized', note = '' FROM asset_event e
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.state = 'requested' AND p.run_id = ANY(%(runs)s)
      AND e.org_id = p.org_id AND e.run_id = p.run_id AND e.kind = 'materialization'
      AND e.asset_key = p.asset_key AND coalesce(e.partition_key, '') = p.partition_key
"""
# After the materializations of runs whose end was seen before: what these did not make, they never will.
_CLOSE = """
    UPDATE backfill_partition p SET
        state = CASE r.status WHEN 'SUCCESS' THEN CASE p.asset_key WHEN '' THEN 'materialized' ELSE 'skipped' END
                WHEN 'CANCELED' THEN 'canceled' ELSE 'failed' END,
        note = CASE r.status WHEN 'SUCCESS' THEN CASE p.asset_key WHEN '' THEN '' ELSE 'Its run succeeded without making it.' END
               ELSE left(r.failure_message, 1000) END
    FROM run r
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.state = 'requested' AND p.run_id = ANY(%(runs)s)
      AND r.org_id = p.org_id AND r.id = p.run_id
"""
_COUNTS = """
    SELECT state, request_id IS NOT NULL, count(*) FROM backfill_partition
    WHERE org_id = %(org)s AND backfill_id = %(backfill)s GROUP BY 1, 2
"""
_GIVE_UP = """
    UPDATE backfill_partition SET state = 'skipped', note = %(note)s
    WHERE org_id = %(org)s AND backfill_id = %(backfill)s AND state = 'targeted' AND request_id IS NULL
"""


def look(org_id: UUID, backfill_id: UUID) -> Backfill | None:
    """Bring it up to date, and end it when it is over; None when there is no such backfill, or it has ended before."""
    with org_scope(org_id):
        backfill = locked(org_id, backfill_id)
        if backfill is None or backfill.ended_at is not None:
            return None
        changed = _follow(backfill)
        counts = _count(backfill)
        if changed:
            backfill.needs_plan = True
        _settle(backfill, counts)
        if changed or backfill.ended_at is not None:
            note_assets(backfill)
        backfill.looked_at = _now()
        backfill.save(
            update_fields=[
                "counts",
                "looked_at",
                "needs_plan",
                "status",
                "ended_at",
                "is_paused",
                "waiting",
            ]
        )
        return backfill


def note_assets(backfill: Backfill) -> None:
    """Conditions ask whether a backfill is in progress. Joins the caller's transaction."""
    if backfill.kind == BackfillKind.ASSETS:
        changes.note(backfill.org_id, ((backfill.deployment_id, key) for key in backfill.assets))


def locked(org_id: UUID, backfill_id: UUID) -> Backfill | None:
    """Its row, locked. Call it inside org_scope."""
    return Backfill.objects.for_org(org_id).select_for_update(no_key=True).filter(id=backfill_id).first()


def live_runs(backfill: Backfill) -> list[UUID]:
    """The runs that have not been seen to end. Call it inside org_scope."""
    return [run for (run,) in recordsets.fetch(_IN_PROGRESS, {"org": backfill.org_id, "backfill": backfill.id})]


def attach(backfill: Backfill) -> int:
    """Partitions whose requests were launched or refused know it; how many. Call it inside org_scope."""
    return recordsets.execute_counting(_ATTACH, {"org": backfill.org_id, "backfill": backfill.id})


def _follow(backfill: Backfill) -> int:
    """How many partitions are somewhere else than before."""
    place: dict[str, Any] = {"org": backfill.org_id, "backfill": backfill.id}
    changed = attach(backfill)
    # Before the retries are looked for: a run whose retry comes in between is not over yet.
    ended = _ended(place, live_runs(backfill))
    since = (backfill.looked_at or backfill.created_at) - _OVERLAP
    label = labels.tag(BACKFILL_TAG, str(backfill.id))
    asked = {**place, "deployment": backfill.deployment_id, "label": label, "since": first_uuid7_at(since)}
    again = [run for (run,) in recordsets.fetch(_AGAIN, asked)]
    if again:
        recordsets.execute(_ADOPT, {**place, "runs": again})
    runs = live_runs(backfill)
    if runs:
        changed += _close(place, runs, ended)
    return changed


def _ended(place: dict[str, Any], runs: Sequence[UUID]) -> list[UUID]:
    """Those of the runs that are over, and will not be retried by themselves."""
    asked = {**place, "runs": list(runs), "terminal": sorted(TERMINAL)}
    return [run for (run,) in recordsets.fetch(_ENDED, asked)] if runs else []


def _close(place: dict[str, Any], runs: Sequence[UUID], ended: Sequence[UUID]) -> int:
    made = recordsets.execute_counting(_MATERIALIZED, {**place, "runs": list(runs)})
    return made + (recordsets.execute_counting(_CLOSE, {**place, "runs": list(ended)}) if ended else 0)


def _count(backfill: Backfill) -> dict[tuple[str, bool], int]:
    found = recordsets.fetch(_COUNTS, {"org": backfill.org_id, "backfill": backfill.id})
    counts = {(state, asked): number for state, asked, number in found}
    backfill.counts = {
        state.value: total
        for state in PartitionProgress
        if (total := counts.get((state.value, True), 0) + counts.get((state.value, False), 0))
    }
    return counts


def _settle(backfill: Backfill, counts: dict[tuple[str, bool], int]) -> None:
    """End it when nothing goes on and nothing can begin."""
    going = backfill.counts.get(PartitionProgress.REQUESTED, 0)
    asked, waiting = counts.get(("targeted", True), 0), counts.get(("targeted", False), 0)
    if going or asked:
        return
    if backfill.status == BackfillStatus.CANCELING:
        _end(backfill, BackfillStatus.CANCELED)
        return
    if backfill.planned_at is None or (waiting and backfill.needs_plan):
        return
    if waiting:
        # It was planned with everything as it is now, and found nothing that can run.
        recordsets.execute(_GIVE_UP, {"org": backfill.org_id, "backfill": backfill.id, "note": _STUCK})
        _count(backfill)
    bad = (PartitionProgress.FAILED, PartitionProgress.CANCELED, PartitionProgress.SKIPPED)
    failed = any(backfill.counts.get(state) for state in bad)
    _end(backfill, BackfillStatus.COMPLETED_FAILED if failed else BackfillStatus.COMPLETED_SUCCESS)


def _end(backfill: Backfill, status: BackfillStatus) -> None:
    backfill.status, backfill.ended_at, backfill.is_paused, backfill.waiting = status, _now(), False, ""


def _now() -> datetime.datetime:
    now: datetime.datetime = recordsets.fetch("SELECT now()")[0][0]
    return now


def due_again(org_id: UUID, backfill_id: UUID, seconds: float) -> None:
    """Look at it again then."""
    with org_scope(org_id):
        rows = Backfill.objects.for_org(org_id).filter(id=backfill_id)
        rows.update(next_due_at=Now() + datetime.timedelta(seconds=seconds))
