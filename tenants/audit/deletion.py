"""What becomes of the audit log when its organization is deleted."""

from uuid import UUID

from django.db import connections

from tenants.access import Actor


def bury_log(*, org_id: UUID, actor: Actor) -> None:
    """Delete an organization's events and seals, and keep its name and the head of its chain in AuditTombstone.

    Call it before the organization's own row goes, in the same transaction of the door role: the database refuses it for an
    organization that is not pending deletion.
    """
    with connections["door"].cursor() as cursor:
        cursor.execute("SELECT audit_bury(%s, %s)", [org_id, actor.label])
