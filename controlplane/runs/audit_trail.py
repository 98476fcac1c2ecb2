"""What the audit log says of runs: who launched, ran again or cancelled which."""

from typing import Any

from controlplane.runs.models import BulkAction, Run
from controlplane.runs.states import RunStatus
from tenants.access import Actor, ActorKind
from tenants.audit.services import AuditTarget, record

# A run can have thousands of assets; the run's own page has them all.
_ASSETS = 20
# Dagster's own job of all assets: its name says nothing.
_IMPLICIT = "__"


def note_launch(run: Run, actor: Actor) -> None:
    """A run was put into the queue, as a new one or as another one once more.

    Nothing is noted of what a schedule, a sensor or a backfill launched: that somebody started these is noted, and the run names them.
    """
    if actor.kind == ActorKind.AUTOMATION:
        return
    after: dict[str, Any] = {"code_location": run.location_name, "job": run.job_name, "partition": run.partition_key}
    if run.target_assets:
        after |= {"assets": run.target_assets[:_ASSETS], "asset_count": len(run.target_assets)}
    if run.parent_run_id is not None:
        after |= {"parent_run": str(run.parent_run_id)}
    record(
        org_id=run.org_id,
        actor=actor,
        action="run.launch" if run.parent_run_id is None else "run.re_execute",
        target=_target(run),
        after={name: value for name, value in after.items() if value is not None},
        deployment_id=run.deployment_id,
    )


def note_cancel(run: Run, actor: Actor, *, before: RunStatus) -> None:
    """Somebody wants a run to end."""
    record(
        org_id=run.org_id,
        actor=actor,
        action="run.cancel",
        target=_target(run),
        before={"status": before},
        after={"status": run.status},
        deployment_id=run.deployment_id,
    )


def note_priority(run: Run, actor: Actor, *, before: int) -> None:
    """Somebody moved a run in the queue."""
    record(
        org_id=run.org_id,
        actor=actor,
        action="run.set_priority",
        target=_target(run),
        before={"priority": before},
        after={"priority": run.priority},
        deployment_id=run.deployment_id,
    )


def note_bulk_action(action: BulkAction, actor: Actor) -> None:
    """Somebody does the same to many runs. What was done to each, its own page says."""
    record(
        org_id=action.org_id,
        actor=actor,
        action=f"run.bulk_{action.kind}",
        target=AuditTarget("bulk_action", action.id, f"{action.total} runs"),
        after={"runs": action.total},
        deployment_id=action.deployment_id,
    )


def _target(run: Run) -> AuditTarget:
    implicit = run.job_name.startswith(_IMPLICIT)
    return AuditTarget("run", run.id, ", ".join(run.target_assets[:3]) if implicit else run.job_name)
