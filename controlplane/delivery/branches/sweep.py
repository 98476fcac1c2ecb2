"""Every branch deployment of the installation for which its time has come: to sleep, to be warned of, to end, to be deleted."""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from controlplane.core import recordsets
from controlplane.delivery.branches import closing, life, opening
from controlplane.delivery.branches.rows import default_expiry
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments import branches
from controlplane.deployments.models import BranchDeployment, BranchState
from tenants.access import SYSTEM
from tenants.errors import AppError, ForbiddenError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_MOST = 500
# Each part of `near` is served by an index of its own (branch_awake, branch_expires, branch_archived, branch_life_due): of the many
# branches that sleep or are archived none is read before its time comes. A branch that was used is awake, so its expiry moves at once;
# of one sent to sleep within seconds of that it moves a day before the end, when it is looked at anyway.
_DUE = """
    WITH near AS (
        SELECT org_id, deployment_id FROM branch_deployment WHERE state IN ('active', 'closing')
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
    WHERE (%(org)s::uuid IS NULL OR b.org_id = %(org)s) AND (
        (b.state = 'active' AND b.active_at < now() - make_interval(secs => b.sleep_after_seconds))
        OR (b.state IN ('active', 'sleeping', 'held') AND (
            b.expires_at <= now()
            OR (b.expires_at < now() + interval '24 hours' AND b.warned_at IS NULL)
            -- It was used since its expiry was set; not worth a write for less than an hour.
            OR coalesce(b.expires_at, '-infinity') < b.active_at + make_interval(secs => e.expiry - 3600)
        ))
        OR l.due_at <= now()
        OR (b.state = 'closing' AND l.deployment_id IS NULL)
        OR (b.state = 'archived' AND b.archived_at <= now() - make_interval(days => %(archive)s))
    )
    ORDER BY l.due_at NULLS LAST LIMIT %(most)s
"""


def sweep(org_id: UUID | None = None) -> int:
    """Look after every branch that is due, of one organization or of all; returns how many that were."""
    BranchDeployment.objects.across_orgs(reason="branch deployments whose time has come")
    asked = {"expiry": default_expiry(), "archive": settings.BRANCH_ARCHIVE_DAYS, "org": org_id, "most": _MOST}
    due = recordsets.fetch(_DUE, asked, using="door")
    for org, deployment_id in due:
        try:
            look_after(org_id=org, deployment_id=deployment_id)
        except ForbiddenError:
            # The organization is not active: nothing of it changes until it is again.
            continue
        except AppError as error:
            log.warning("branch.not_looked_after", org=str(org), deployment=str(deployment_id), error=error.message)
    return len(due)


def look_after(*, org_id: UUID, deployment_id: UUID) -> None:
    """Do what is due for one branch; nothing when nothing is."""
    with org_scope(org_id):
        require_writable(org_id)
        branch = branches.branch_of(org_id, deployment_id)
    if branch.state == BranchState.CLOSING:
        closing.go_on(org_id=org_id, deployment_id=deployment_id)
    elif branch.state == BranchState.ARCHIVED:
        # The query may have chosen it while it was closing, and somebody else may have archived it since.
        if _is_over(branch):
            delete_deployment(
                org_id=org_id, deployment_id=deployment_id, typed_name=None, actor=SYSTEM, cancel_runs=True
            )
    elif life.note_time(org_id=org_id, deployment_id=deployment_id):
        reason = "It expired: nothing was wanted of it for its whole time."
        closing.close(org_id=org_id, deployment_id=deployment_id, reason=reason, actor=SYSTEM)
    else:
        opening.go_on(org_id=org_id, deployment_id=deployment_id)
        life.sleep_if_idle(org_id=org_id, deployment_id=deployment_id)


def _is_over(branch: BranchDeployment) -> bool:
    """Whether the days are over that an archived branch is kept."""
    kept = datetime.timedelta(days=settings.BRANCH_ARCHIVE_DAYS)
    return branch.archived_at is not None and branch.archived_at <= timezone.now() - kept
