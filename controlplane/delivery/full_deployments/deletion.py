"""The end of a deployment, full or branch: gone from sight at once, then its runs end, then its history goes in small bites.

The bites are taken by a task, from the database alone: it may be killed anywhere and goes on where it was. Which tables hold history
is read from Postgres' catalogue, so that a new one is not forgotten.
"""

import datetime
import time
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now
from psycopg import sql

from controlplane.automation.models import Backfill, Instigator
from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.delivery.models import PullRequest, PullRequestState
from controlplane.delivery.pull_requests.waking import wake
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentDeletion, DeploymentKind
from controlplane.deployments.protecting import require_unnamed
from controlplane.runs.errors import RunEndedError
from controlplane.runs.log_objects import delete_log_objects
from controlplane.runs.models import Run
from controlplane.runs.services import cancel_run
from controlplane.runs.states import ACTIVE, RunStatus
from tenants.access import SYSTEM, Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import Grant
from tenants.people.grants import remove_grant
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "delivery.delete_deployment"
_RUNS = 20
_ROWS = 5000
_SLICE_SECONDS = 20.0
# Longer than a slice: nobody else begins meanwhile.
_LEASE_SECONDS = 60
_WAIT_SECONDS = 5
# The audit log outlives what it tells of. The others end with the deployment's own row, or are the note of this deletion.
_KEPT = ("audit_event", "deployment_deletion", "pull_request")

# Whose rows others name instead of the deployment, and by which column.
_OWNERS: dict[type[Instigator] | type[Backfill], str] = {Instigator: "instigator_id", Backfill: "backfill_id"}
_OWNED = 100

_TABLES = """
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> ALL(%s) ORDER BY 1
"""
# Places of rows are those of one partition each, and may repeat: the second condition keeps what is another's.
_BITE = sql.SQL("""
    DELETE FROM {table} WHERE org_id = %(org)s AND {column} = ANY(%(ids)s)
    AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE org_id = %(org)s AND {column} = ANY(%(ids)s) LIMIT %(most)s))
""")


def delete_deployment(
    *, org_id: UUID, deployment_id: UUID, typed_name: str | None, actor: Actor, cancel_runs: bool = False
) -> None:
    """Take a deployment away, with everything in it. `typed_name` is what somebody typed; a branch deployment needs none.

    InvalidError when that is not its name. ConflictError while runs are under way (unless they are to be canceled), while it has
    branch deployments, while it is frozen, and while
    the protection rules of another name it.
    """
    with org_scope(org_id):
        deployment = _locked(org_id, deployment_id)
        if typed_name is None and deployment.kind == DeploymentKind.FULL:
            raise InvalidError("Type the name of the deployment that you want to delete.", attr="name")
        if typed_name is not None and typed_name.strip() != deployment.name:
            raise InvalidError(f"Type the deployment's name, {deployment.name}, exactly.", attr="name")
        require_thawed(org_id, deployment_id)
        _require_childless(deployment)
        require_unnamed(deployment)
        _require_quiet(deployment, cancel_runs=cancel_runs)
        _note(deployment, actor)
        _take_away(deployment, actor)
    log.info("deployment.deleted", org=str(org_id), deployment=deployment.name, actor=str(actor.id))


def deletions(org_id: UUID) -> list[DeploymentDeletion]:
    """What is being deleted now, the newest first."""
    with org_scope(org_id):
        return list(DeploymentDeletion.objects.for_org(org_id).order_by("-asked_at"))


def sweep() -> None:
    """Go on with every deletion that is due."""
    due = DeploymentDeletion.objects.across_orgs(reason="go on deleting deployments").filter(due_at__lte=Now())
    for org_id, deployment_id in list(due.order_by("due_at").values_list("org_id", "deployment_id")[:50]):
        try:
            go_on(org_id=org_id, deployment_id=deployment_id)
        except Exception:
            # A mistake of ours in one, or a lost connection: the others go on. This one comes again when its lease is over.
            log.exception("deployment.not_deleted", org=str(org_id), deployment=str(deployment_id))


def go_on(*, org_id: UUID, deployment_id: UUID) -> None:
    """Work on one deletion for a while; its last step is to forget it. Nothing happens when somebody else is at it."""
    if not _take(org_id, deployment_id):
        return
    left = _end_runs(org_id, deployment_id)
    if left:
        runs = "1 run" if left == 1 else f"{left} runs"
        _postpone(org_id, deployment_id, seconds=_WAIT_SECONDS, note=f"Waiting for {runs} to end.")
        return
    until = time.monotonic() + _SLICE_SECONDS
    while time.monotonic() < until:
        if not _bite(org_id, deployment_id):
            with org_scope(org_id):
                DeploymentDeletion.objects.for_org(org_id).filter(deployment_id=deployment_id).delete()
            log.info("deployment.history_deleted", org=str(org_id), deployment=str(deployment_id))
            return
    _postpone(org_id, deployment_id, seconds=0, note="")
    enqueue(TASK, org_id=org_id, deployment_id=deployment_id)


def _locked(org_id: UUID, deployment_id: UUID) -> Deployment:
    found = Deployment.objects.for_org(org_id).select_for_update().filter(id=deployment_id).first()
    if found is None:
        raise NotFoundError("There is no such deployment.")
    return found


def _require_childless(deployment: Deployment) -> None:
    children = Deployment.objects.for_org(deployment.org_id).filter(parent_id=deployment.id).order_by("name")
    names = list(children.values_list("name", flat=True)[:4])
    if names:
        more = " and more" if len(names) > 3 else ""
        raise ConflictError(
            f"{deployment.name} has branch deployments: {', '.join(names[:3])}{more}. Close and delete them first."
        )


def _require_quiet(deployment: Deployment, *, cancel_runs: bool) -> None:
    active = _active(deployment.org_id, deployment.id).count()
    if active and not cancel_runs:
        runs = "1 run is" if active == 1 else f"{active} runs are"
        raise ConflictError(
            f"{runs} under way in {deployment.name}. Wait for the end, or say that they are to be canceled."
        )


def _active(org_id: UUID, deployment_id: UUID) -> QuerySet[Run]:
    return Run.objects.for_org(org_id).filter(deployment_id=deployment_id, status__in=ACTIVE)


def _note(deployment: Deployment, actor: Actor) -> None:
    org_id, locations = deployment.org_id, CodeLocation.objects.for_org(deployment.org_id)
    names = locations.filter(deployment_id=deployment.id).order_by("name").values_list("name", flat=True)
    record(
        org_id=org_id,
        actor=actor,
        action="deployment.delete",
        target=AuditTarget("deployment", deployment.id, deployment.name),
        before={"name": deployment.name, "kind": str(deployment.kind), "code_locations": list(names)},
        deployment_id=deployment.id,
    )


def _take_away(deployment: Deployment, actor: Actor) -> None:
    """Everything by which it can be seen or entered; its history is left to the task."""
    org_id = deployment.org_id
    grants = Grant.objects.for_org(org_id).select_related("custom_role", "user", "team")
    for row in grants.filter(deployment_id=deployment.id):
        remove_grant(org_id=org_id, actor=actor, row=row)
    _let_go(deployment)
    runs = Run.objects.for_org(org_id).filter(deployment_id=deployment.id).count()
    DeploymentDeletion.objects.create_in(
        org_id,
        deployment_id=deployment.id,
        name=deployment.name,
        kind=deployment.kind,
        asked_by=actor.label[:254],
        asked_at=Now(),
        due_at=Now(),
        runs_total=runs,
        runs_left=runs,
    )
    Deployment.objects.for_org(org_id).filter(id=deployment.id).delete()
    wakeups.wake(f"queue:{org_id}", f"org:{org_id}:locations")
    enqueue(TASK, org_id=org_id, deployment_id=deployment.id)


def _let_go(deployment: Deployment) -> None:
    """Pull requests know it no more; the hosts of those that are open are told that it is gone."""
    pulls = PullRequest.objects.for_org(deployment.org_id).filter(deployment_id=deployment.id)
    is_open = Q(state=PullRequestState.OPEN)
    ids = list(pulls.filter(is_open).values_list("id", flat=True))
    pulls.update(deployment_id=None, work_due_at=Case(When(is_open, then=Now()), default=F("work_due_at")))
    for pull_request_id in ids:
        wake(deployment.org_id, pull_request_id)


def _take(org_id: UUID, deployment_id: UUID) -> bool:
    with org_scope(org_id):
        rows = DeploymentDeletion.objects.for_org(org_id).filter(deployment_id=deployment_id, due_at__lte=Now())
        return bool(rows.update(due_at=Now() + datetime.timedelta(seconds=_LEASE_SECONDS)))


def _postpone(org_id: UUID, deployment_id: UUID, *, seconds: int, note: str) -> None:
    with org_scope(org_id):
        rows = DeploymentDeletion.objects.for_org(org_id).filter(deployment_id=deployment_id)
        left = Run.objects.for_org(org_id).filter(deployment_id=deployment_id).count()
        rows.update(due_at=Now() + datetime.timedelta(seconds=seconds), note=note, runs_left=left)


def _end_runs(org_id: UUID, deployment_id: UUID) -> int:
    """Cancel what is under way; returns how many have not ended yet."""
    with org_scope(org_id):
        going = _active(org_id, deployment_id).exclude(status=RunStatus.CANCELING)
        run_ids = list(going.values_list("id", flat=True)[:500])
    for run_id in run_ids:
        try:
            cancel_run(org_id=org_id, run_id=run_id, actor=SYSTEM)
        except RunEndedError:
            continue
    with org_scope(org_id):
        return int(_active(org_id, deployment_id).count())


def _bite(org_id: UUID, deployment_id: UUID) -> bool:
    """Delete some of what is left; False when nothing was."""
    with org_scope(org_id):
        runs = Run.objects.for_org(org_id).filter(deployment_id=deployment_id)
        run_ids = list(runs.order_by("id").values_list("id", flat=True)[:_RUNS])
    if run_ids:
        delete_log_objects(org_id, run_ids)
        for table in _tables("run_id"):
            _delete(org_id, table, "run_id", run_ids)
        _delete(org_id, "run", "id", run_ids)
        return True
    return _bite_owned(org_id, deployment_id) or _bite_rest(org_id, deployment_id)


def _bite_rest(org_id: UUID, deployment_id: UUID) -> bool:
    return any(_delete_some(org_id, table, "deployment_id", [deployment_id]) for table in _tables("deployment_id"))


def _bite_owned(org_id: UUID, deployment_id: UUID) -> bool:
    """What belongs to a deployment through a row of it alone, before that row goes; False when nothing is left."""
    for owner, column in _OWNERS.items():
        with org_scope(org_id):
            rows = owner.objects.for_org(org_id).filter(deployment_id=deployment_id)
            ids = list(rows.order_by("id").values_list("id", flat=True)[:_OWNED])
        if ids:
            for table in _tables(column):
                _delete(org_id, table, column, ids)
            _delete(org_id, owner._meta.db_table, "id", ids)
            return True
    return False


def _tables(column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [column, list(_KEPT)])
        return [name for (name,) in cursor.fetchall()]


def _delete(org_id: UUID, table: str, column: str, ids: Sequence[UUID]) -> None:
    while _delete_some(org_id, table, column, ids):
        pass


def _delete_some(org_id: UUID, table: str, column: str, ids: Sequence[UUID]) -> int:
    """One bite of a table, in a transaction of its own."""
    statement = _BITE.format(table=sql.Identifier(table), column=sql.Identifier(column))
    with org_scope(org_id), connection.cursor() as cursor:
        cursor.execute(statement, {"org": org_id, "ids": list(ids), "most": _ROWS})
        return int(cursor.rowcount)
