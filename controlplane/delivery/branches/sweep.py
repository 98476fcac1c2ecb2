"""Every branch deployment of the installation for which its time has come: to sleep, to be warned of, to end, to be deleted."""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core import recordsets
from controlplane.delivery.branches import closing, life, opening
from controlplane.delivery.branches.rows import default_expiry, locked
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments import branches
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment
from tenants.access import SYSTEM
from tenants.errors import AppError, NotFoundError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_MOST = 500
_PAUSE = datetime.timedelta(minutes=5)
# Each part of `near` is served by an index of its own (branch_awake and its like): of the many branches that sleep or are archived none
# is read before its time comes. A branch that was used is awake, and its expiry moves within seconds; where that was missed, it moves a
# day before the end.
_DUE = """
    WITH near AS (
        SELECT org_id, deployment_id FROM branch_deployment
        WHERE state = 'active' AND active_at < now() - make_interval(secs => sleep_after_seconds)
        UNION SELECT org_id, deployment_id FROM branch_deployment
        WHERE state = 'active' AND active_at > now() - interval '10 minutes'
        UNION SELECT org_id, deployment_id FROM branch_deployment WHERE state = 'closing'
        UNION SELECT org_id, deployment_id FROM branch_deployment
        WHERE state IN ('active', 'sleeping', 'held') AND expires_at < now() + interval '24 hours'
        UNION SELECT org_id, deployment_id FROM branch_deployment
        WHERE state IN ('active', 'sleeping', 'held') AND expires_at IS NULL
        UNION SELECT org_id, deployment_id FROM branch_deployment
        WHERE state = 'archived' AND archived_at <= now() - make_interval(days => %(archive)s)
        UNION SELECT org_id, deployment_id FROM branch_life WHERE due_at <= now()
    )
    SELECT b.org_id, b.deployment_id
    FROM near JOIN branch_deployment b ON b.org_id = near.org_id AND b.deployment_id = near.deployment_id
    LEFT JOIN branch_life l ON l.org_id = b.org_id AND l.deployment_id = b.deployment_id
    CROSS JOIN LATERAL (SELECT CASE WHEN l.deployment_id IS NULL THEN %(expiry)s ELSE l.expire_after_seconds END AS expiry) e
    -- Nothing of an organization changes, nor of a frozen deployment is deleted, before that is over; and nobody waits behind it.
    JOIN organization o ON o.id = b.org_id AND o.state = 'active'
    JOIN deployment d ON d.org_id = b.org_id AND d.id = b.deployment_id
    WHERE (%(org)s::uuid IS NULL OR b.org_id = %(org)s) AND coalesce(l.put_off_until <= now(), true) AND (
        (b.state = 'active' AND b.active_at < now() - make_interval(secs => b.sleep_after_seconds))
        OR (b.state IN ('active', 'sleeping', 'held') AND (
            b.expires_at <= now()
            OR (b.expires_at < now() + interval '24 hours' AND b.warned_at IS NULL)
            -- It was used since its expiry was set; not worth a write for less than an hour.
            OR coalesce(b.expires_at, '-infinity') < b.active_at + make_interval(secs => e.expiry - 3600)
        ))
        OR l.due_at <= now()
        OR (b.state = 'closing' AND l.deployment_id IS NULL)
        OR (
            b.state = 'archived' AND b.archived_at <= now() - make_interval(days => %(archive)s) AND d.frozen_at IS NULL
        )
    )
    -- Who waits longest comes first; what could not be done waits from then on.
    ORDER BY greatest(l.put_off_until, least(
        l.due_at,
        CASE WHEN b.state = 'active' THEN b.active_at + make_interval(secs => b.sleep_after_seconds) END,
        CASE WHEN b.state = 'archived' THEN b.archived_at + make_interval(days => %(archive)s) ELSE b.expires_at END
    )) NULLS FIRST
    LIMIT %(most)s
"""


def sweep(org_id: UUID | None = None) -> int:
    """Look after every branch that is due, of one organization or of all; returns how many that were."""
    BranchDeployment.objects.across_orgs(reason="branch deployments whose time has come")
    asked = {"expiry": default_expiry(), "archive": settings.BRANCH_ARCHIVE_DAYS, "org": org_id, "most": _MOST}
    due = recordsets.fetch(_DUE, asked, using="door")
    for org, deployment_id in due:
        try:
            look_after(org_id=org, deployment_id=deployment_id)
        except NotFoundError:
            # Somebody deleted it meanwhile.
            continue
        except AppError as error:
            log.warning("branch.not_looked_after", org=str(org), deployment=str(deployment_id), error=error.message)
            _put_off(org, deployment_id)
        except Exception:
            # A mistake of ours in one row, or a lost connection: the others are looked after all the same.
            log.exception("branch.not_looked_after", org=str(org), deployment=str(deployment_id))
            _put_off(org, deployment_id)
    return len(due)


def _put_off(org_id: UUID, deployment_id: UUID) -> None:
    """Others come first for a while. What the database refuses now is chosen again by the next sweep."""
    until = timezone.now() + _PAUSE
    try:
        with org_scope(org_id):
            life = locked(org_id, deployment_id).life
            life.put_off_until = until
            life.save(update_fields=["put_off_until"])
    except (AppError, DatabaseError):
        log.warning("branch.not_put_off", org=str(org_id), deployment=str(deployment_id))


def look_after(*, org_id: UUID, deployment_id: UUID) -> None:
    """Do what is due for one branch; nothing when nothing is."""
    with org_scope(org_id):
        require_writable(org_id)
        branch = branches.branch_of(org_id, deployment_id)
    if branch.state == BranchState.CLOSING:
        closing.go_on(org_id=org_id, deployment_id=deployment_id)
    elif branch.state == BranchState.ARCHIVED:
        _delete_if_over(org_id, deployment_id)
    elif life.note_time(org_id=org_id, deployment_id=deployment_id):
        reason = "It expired: nothing was wanted of it for its whole time."
        closing.close(org_id=org_id, deployment_id=deployment_id, reason=reason, actor=SYSTEM)
    else:
        opening.go_on(org_id=org_id, deployment_id=deployment_id)
        life.sleep_if_idle(org_id=org_id, deployment_id=deployment_id)


def _delete_if_over(org_id: UUID, deployment_id: UUID) -> None:
    """Delete it when the days are over that an archived branch is kept; not when it was archived just now, or came back meanwhile."""
    kept = datetime.timedelta(days=settings.BRANCH_ARCHIVE_DAYS)
    with org_scope(org_id):
        # As the deletion locks it; whoever brings the branch back waits.
        Deployment.objects.for_org(org_id).select_for_update().filter(id=deployment_id).first()
        rows = BranchDeployment.objects.for_org(org_id).filter(deployment_id=deployment_id, state=BranchState.ARCHIVED)
        if rows.filter(archived_at__lte=Now() - kept).exists():
            delete_deployment(
                org_id=org_id, deployment_id=deployment_id, typed_name=None, actor=SYSTEM, cancel_runs=True
            )
