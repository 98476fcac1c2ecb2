"""What people do with their accounts, in the audit log of every organization they belong to."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

from tenants.access import Actor, Principal, organizations_of
from tenants.audit.services import AuditTarget, record
from tenants.models import User

# Somebody failed to sign in. Arguments: user_id (of nobody, when there is no such account), address, how.
# Whoever listens must take the same time for both: the answer must not tell by its time whether there is an account.
sign_in_failed = Signal()


def record_of(
    user: User,
    action: str,
    *,
    address: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    result: str = "success",
    reason: str = "",
) -> None:
    """Add a row to each organization of the person, as done by the person; part of the caller's transaction."""
    principal = Principal(user=user, address=address)
    with transaction.atomic():
        for org in organizations_of(principal):
            record(
                org_id=org.id,
                actor=principal.actor,
                action=action,
                target=AuditTarget(kind="user", id=user.pk, label=user.email),
                before=before,
                after=after,
                result=result,
                reason=reason,
            )


def record_failed_sign_in(*, user_id: UUID, address: str, how: str) -> None:
    """Note that somebody tried to sign in as this person; nothing when there is no such person."""
    user = User.objects.filter(id=user_id).first()
    if user is not None:
        record_of(user, "sign_in.failed", address=address, after={"how": how}, result="failure")


def actor_of(user: User, address: str) -> Actor:
    """The person, as the audit log names them."""
    return Principal(user=user, address=address).actor
