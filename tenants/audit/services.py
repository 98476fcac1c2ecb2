"""Adding to the audit log: the one function that every state-changing service calls."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants.access import Actor
from tenants.audit.models import AuditEvent
from tenants.audit.redaction import redacted
from tenants.scoping import in_scope, org_scope


@dataclass(frozen=True)
class AuditTarget:
    """What an action was on: the kind of thing (`run`, `grant`, `api_token`, …), its id, and its name for people."""

    kind: str
    id: UUID | str = ""
    label: str = ""


def record(
    *,
    org_id: UUID,
    actor: Actor,
    action: str,
    target: AuditTarget,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    deployment_id: UUID | None = None,
    result: str = "success",
    reason: str = "",
) -> None:
    """Add a row, in the transaction that makes the change: both are stored or neither is.

    `action` is `<subject>.<verb>`, such as `grant.create`. `before` and `after` hold what changed, as JSON; values under
    names that sound like secrets are replaced, but do not count on that: leave them out.

    The database seals the row at commit. A transaction that records in several organizations does so in rising order of their ids,
    so that two of them do not wait for each other's chains.
    """
    with nullcontext() if in_scope(org_id) else org_scope(org_id):
        AuditEvent.objects.create_in(
            org_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_label=actor.label[:254],
            address=actor.address,
            action=action,
            target_kind=target.kind,
            target_id=str(target.id),
            target_label=target.label[:500],
            deployment_id=deployment_id,
            before=redacted(before),
            after=redacted(after),
            result=result,
            reason=reason[:500],
        )
