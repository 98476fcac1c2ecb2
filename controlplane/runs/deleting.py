"""Deleting a run with everything it wrote. What it made stays in the catalog: assets keep their history."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.runs.errors import RunNotEndedError
from controlplane.runs.locking import lock_runs
from controlplane.runs.log_objects import delete_log_objects
from controlplane.runs.models import LogChunk, LogStream, Run, RunAttempt, RunEvent, RunLabel, RunStatusEvent, Step
from controlplane.runs.states import TERMINAL
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

_WRITTEN = (LogChunk, LogStream, RunEvent, Step, RunAttempt, RunStatusEvent, RunLabel)


def delete_output(org_id: UUID, run_ids: Sequence[UUID]) -> None:
    """What those of these runs that ended wrote into the object store: before their rows, and outside any transaction."""
    with org_scope(org_id):
        ended = Run.objects.for_org(org_id).filter(id__in=list(run_ids), status__in=sorted(TERMINAL))
        ids = list(ended.values_list("id", flat=True))
    delete_log_objects(org_id, ids)


def delete_ended(org_id: UUID, run_id: UUID) -> None:
    """Its rows. RunNotEndedError for one that goes on. Call it inside org_scope."""
    run = lock_runs(org_id, [run_id]).get(run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    if not run.ended:
        raise RunNotEndedError("The run goes on: cancel it first.")
    for model in _WRITTEN:
        model.objects.for_org(org_id).filter(run_id=run_id).delete()
    Run.objects.for_org(org_id).filter(id=run_id).delete()
