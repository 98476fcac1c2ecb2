"""What of a run is kept no longer, in words: its events, its output, or all of it (docs/retention.md)."""

import datetime
from uuid import UUID

from controlplane.deployments.models import RetentionMark
from controlplane.deployments.retention import deleted_before
from controlplane.runs.models import Run
from tenants.ids import time_of
from tenants.scoping import read_scope

_NAMES = {"events": "events", "logs": "stdout and stderr"}
_UUID7 = 7


def deleted_parts(run: Run) -> str:
    """What is gone of a run that is there: `events`, `stdout and stderr`, both, or nothing."""
    if run.ended_at is None:
        return ""
    made, marks = time_of(run.id), _marks(run.org_id, run.deployment_id)
    return " and ".join(name for kind, name in _NAMES.items() if kind in marks and made < marks[kind])


def is_gone(run: Run, kind: str) -> bool:
    """Whether history of this kind (settings_document.RETAINED) may be gone of a run that is there."""
    before = deleted_before(run.org_id, run.deployment_id, kind)
    return before is not None and time_of(run.id) < before


def why_gone(org_id: UUID, deployment_id: UUID, run_id: UUID) -> str:
    """Why there is no run by this id any more; empty when it is not because of its age."""
    before = _marks(org_id, deployment_id).get("runs")
    if before is None or run_id.version != _UUID7 or time_of(run_id) >= before:
        return ""
    return (
        f"A run by this id would be of {time_of(run_id):%d %B %Y}. Runs of this deployment from before {before:%d %B %Y} were deleted, as its "
        "setting retention.runs says. What they made is on the pages of the assets."
    )


def _marks(org_id: UUID, deployment_id: UUID) -> dict[str, datetime.datetime]:
    with read_scope(org_id):
        marks = RetentionMark.objects.for_org(org_id).filter(deployment_id=deployment_id)
        return dict(marks.values_list("kind", "before"))
