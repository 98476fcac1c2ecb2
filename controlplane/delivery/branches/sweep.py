"""Every branch deployment of the installation for which its time has come: to sleep, to be warned of, to end, to be deleted."""

from uuid import UUID

import structlog
from django.conf import settings

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
_DUE = """
    SELECT b.org_id, b.deployment_id
    FROM branch_deployment b LEFT JOIN branch_life l ON l.org_id = b.org_id AND l.deployment_id = b.deployment_id
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
        # The query chose it: its days are over.
        delete_deployment(org_id=org_id, deployment_id=deployment_id, typed_name=None, actor=SYSTEM, cancel_runs=True)
    elif life.note_time(org_id=org_id, deployment_id=deployment_id):
        reason = "It expired: nothing was wanted of it for its whole time."
        closing.close(org_id=org_id, deployment_id=deployment_id, reason=reason, actor=SYSTEM)
    else:
        opening.go_on(org_id=org_id, deployment_id=deployment_id)
        life.sleep_if_idle(org_id=org_id, deployment_id=deployment_id)
