"""What comes after a failure, written in the transaction that fails the run."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs import labels
from controlplane.runs.locking import LockedRun
from controlplane.runs.retry_policy import WILL_RETRY_TAG, Decision, Verdict, decide

_FACTS = """
    SELECT r.id, r.tags, coalesce(p.settings, d.settings, '{}') FROM run r
    LEFT JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id
    LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
    WHERE r.org_id = %s AND r.id = ANY(%s)
"""
_SAVE = """
    UPDATE run SET retry_verdict = d.verdict, retry_message = d.message, tags = run.tags || d.tags,
        retry_at = CASE WHEN d.verdict = 'due' THEN now() + make_interval(secs => d.delay) END
    FROM jsonb_to_recordset(%s::jsonb) AS d(id uuid, verdict text, message text, tags jsonb, delay int)
    WHERE run.org_id = %s AND run.id = ANY(%s) AND run.id = d.id
"""
_LABEL = """
    INSERT INTO run_label (org_id, run_id, label, deployment_id)
    SELECT o.org_id, d.run_id, d.label, d.deployment_id
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, label uuid, deployment_id uuid), (SELECT %s::uuid AS org_id) o
    ON CONFLICT DO NOTHING
"""

_GIVEN_UP = """
    UPDATE run SET retry_verdict = 'no', retry_at = NULL, retry_message = %(why)s,
        tags = CASE WHEN tags ? %(tag)s THEN jsonb_set(tags, ARRAY[%(tag)s], '"false"') ELSE tags END
    WHERE org_id = %(org)s AND id = ANY(%(runs)s) AND retry_verdict = 'due'
"""


def write(org_id: UUID, failed: Sequence[LockedRun]) -> None:
    """The verdict of each of these runs, which are locked and have just failed. Call it inside org_scope."""
    by_id = {run.id: run for run in failed}
    decisions = {
        run_id: decide(_code(by_id[run_id]), json.loads(tags), json.loads(settings))
        for run_id, tags, settings in recordsets.fetch(_FACTS, [org_id, list(by_id)])
    }
    tags = {run_id: _tags(decision) for run_id, decision in decisions.items()}
    rows = [_row(run_id, decision, tags[run_id]) for run_id, decision in decisions.items()]
    recordsets.execute(_SAVE, [recordsets.rows(rows), org_id, list(decisions)])
    labelled = [
        {"run_id": run_id, "label": labels.tag(name, value), "deployment_id": by_id[run_id].deployment_id}
        for run_id, new in tags.items()
        for name, value in new.items()
    ]
    if labelled:
        recordsets.execute(_LABEL, [recordsets.rows(labelled), org_id])


def _code(run: LockedRun) -> str:
    """Of a run that was stopped for its time, the reason stands already."""
    return str(run.reason.code) if run.reason else run.failure_code


def _tags(decision: Decision) -> dict[str, str]:
    return {WILL_RETRY_TAG: "true" if decision.verdict == Verdict.DUE else "false"} if decision.wanted else {}


def _row(run_id: UUID, decision: Decision, tags: dict[str, str]) -> dict[str, object]:
    return {
        "id": run_id,
        "verdict": decision.verdict,
        "message": decision.message,
        "tags": tags,
        "delay": decision.delay_seconds,
    }


def give_up(org_id: UUID, run_ids: Collection[UUID], why: str) -> int:
    """Failed runs that were to be retried are not; how many. `why` ends the sentence "Won't retry because …". Call it inside org_scope."""
    if not run_ids:
        return 0
    place = {"org": org_id, "runs": sorted(run_ids), "why": f"Won't retry because {why}"[:4000], "tag": WILL_RETRY_TAG}
    return recordsets.execute_counting(_GIVEN_UP, place)
