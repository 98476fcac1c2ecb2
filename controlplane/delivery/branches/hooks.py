"""Jobs of the user's own that are run at the beginning and at the end of a branch deployment: on_create and on_close."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from controlplane.delivery.branches.rows import BranchRows
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from controlplane.runs.states import TERMINAL, RunStatus
from tenants.access import SYSTEM
from tenants.scoping import org_scope

HOOK_TAG = "daggerboard/hook"


class Hook(StrEnum):
    """When a job is run, as the tag of its run says it."""

    ON_CREATE = "on_create"
    ON_CLOSE = "on_close"


def request(rows: BranchRows, job: Mapping[str, str], hook: Hook) -> UUID:
    """Queue the job; the id of its run. An AppError says why it cannot be run. In the caller's transaction."""
    asked = RunRequest(location=job["location"], job=job["job"], tags={HOOK_TAG: hook.value})
    branch = rows.branch
    run = request_run(
        org_id=branch.org_id,
        deployment_id=branch.deployment_id,
        request=asked,
        actor=SYSTEM,
        to_close=hook == Hook.ON_CLOSE,
    )
    return run.id


def outcome(org_id: UUID, run_id: UUID) -> tuple[RunStatus | None, str]:
    """How it ended and why, for people; (None, "") while it has not. A run that is gone counts as a failure."""
    with org_scope(org_id):
        run = Run.objects.for_org(org_id).filter(id=run_id).only("status", "failure_message").first()
    if run is None:
        return RunStatus.FAILURE, "its run was deleted"
    if run.status not in TERMINAL:
        return None, ""
    return RunStatus(run.status), run.failure_message
