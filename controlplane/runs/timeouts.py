"""Limits on the phases of a run: queued, starting, running, canceling. All by the database's clock; a limit of 0 is none.

The last three a full deployment may set for itself and its branches (docs/deployment-settings.md); the installation's hold otherwise.
"""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings

from controlplane.core import recordsets
from controlplane.deployments.settings_document import CANCEL_TIMEOUT_PATH, MAX_RUNTIME_PATH, START_TIMEOUT_PATH
from controlplane.runs import reasons, transitions
from controlplane.runs.locking import LockedRun, lock_runs
from controlplane.runs.models import Run
from controlplane.runs.requests import MAX_RUNTIME_TAG
from controlplane.runs.states import AttemptState, RunStatus
from tenants.scoping import org_scope

_SWEEP_MAX = 1000
# Who a run says was the one to cancel it.
_TIME_LIMIT = "its time limit"


def _set_or(path: tuple[str, ...], otherwise: str) -> str:
    """The limit that the full deployment sets, for its branches too; else the installation's."""
    return f"coalesce((coalesce(p.settings, d.settings) #>> '{{{','.join(path)}}}')::float8, {otherwise})"


_WITH_SETTINGS = """
    FROM run r LEFT JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id
    LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
"""
# A tag that is no number was refused when the run was requested; a job's own may still be one.
_OVERDUE = f"""
    SELECT id, org_id, phase, seconds FROM (
        SELECT id, org_id, 'queued' AS phase, %(queued)s::float8 AS seconds, created_at AS since
        FROM run WHERE status = 'QUEUED'
        UNION ALL SELECT r.id, r.org_id, 'starting', {_set_or(START_TIMEOUT_PATH, "%(starting)s")}, claimed_at
        {_WITH_SETTINGS} WHERE r.status = 'STARTING'
        UNION ALL SELECT r.id, r.org_id, 'running',
            CASE WHEN tags ->> '{MAX_RUNTIME_TAG}' ~ '^\\d{{1,9}}(\\.\\d{{1,6}})?$'
                 THEN (tags ->> '{MAX_RUNTIME_TAG}')::float8 ELSE {_set_or(MAX_RUNTIME_PATH, "%(running)s")} END, started_at
        {_WITH_SETTINGS} WHERE r.status = 'STARTED'
        UNION ALL SELECT r.id, r.org_id, 'canceling', {_set_or(CANCEL_TIMEOUT_PATH, "%(canceling)s")}, updated_at
        {_WITH_SETTINGS} WHERE r.status = 'CANCELING'
    ) phases
    WHERE seconds > 0 AND since < now() - make_interval(secs => seconds) AND (%(org)s::uuid IS NULL OR org_id = %(org)s)
    AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
    ORDER BY since LIMIT {_SWEEP_MAX}
"""


def sweep() -> int:
    """Act on every run of the installation that is over a limit; returns how many changed."""
    Run.objects.across_orgs(reason="end phases of runs that took too long")
    by_org: dict[UUID, list[UUID]] = {}
    for run_id, org_id, _, _ in recordsets.fetch(_OVERDUE, _limits(None, None), using="door"):
        by_org.setdefault(org_id, []).append(run_id)
    return sum(_end_overdue(org_id, run_ids) for org_id, run_ids in by_org.items())


def _limits(org_id: UUID | None, run_ids: list[UUID] | None) -> dict[str, object]:
    return {
        "queued": settings.RUN_QUEUED_TIMEOUT_SECONDS,
        "starting": settings.RUN_STARTING_TIMEOUT_SECONDS,
        "running": settings.RUN_RUNNING_TIMEOUT_SECONDS,
        "canceling": settings.RUN_CANCELING_TIMEOUT_SECONDS,
        "org": org_id,
        "ids": run_ids,
    }


def _end_overdue(org_id: UUID, run_ids: list[UUID]) -> int:
    """Lock, and ask again: what moved on meanwhile is not over a limit any more."""
    with org_scope(org_id):
        runs = lock_runs(org_id, run_ids)
        overdue = recordsets.fetch(_OVERDUE, _limits(org_id, sorted(runs)))
        for run_id, _, phase, seconds in overdue:
            _ACTIONS[phase](runs[run_id], seconds)
        transitions.save(org_id, runs.values())
    return len(overdue)


def _fail(phase: str) -> Callable[[LockedRun, float], None]:
    def fail(run: LockedRun, seconds: float) -> None:
        reason = reasons.timed_out(phase, seconds)
        transitions.move(run, RunStatus.FAILURE, reason=reason, attempt_state=AttemptState.FENCED)

    return fail


def _stop(run: LockedRun, seconds: float) -> None:
    """A run that takes too long is cancelled first, so that its process ends in good order."""
    run.cancel_requested_by = _TIME_LIMIT
    transitions.move(run, RunStatus.CANCELING, reason=reasons.timed_out("running", seconds))


def _give_up(run: LockedRun, seconds: float) -> None:
    reason = reasons.timed_out("canceling", seconds)
    transitions.move(run, RunStatus.CANCELED, reason=reason, attempt_state=AttemptState.FENCED)


_ACTIONS: dict[str, Callable[[LockedRun, float], None]] = {
    "queued": _fail("queued"),
    "starting": _fail("starting"),
    "running": _stop,
    "canceling": _give_up,
}
