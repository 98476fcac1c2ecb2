"""Giving and taking rights."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import Q

from tenants.access import Access, Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.grants import permissions_of, role_name
from tenants.models import Effect, Grant, GrantScope, Membership, ServiceAccount, Team, TeamMembership
from tenants.people.admins import lock_people, organization_admins, require_an_admin
from tenants.people.authority import require_authority
from tenants.people.places import NamedPlace, places
from tenants.people.terms import CheckedTerms, GrantTerms, check_terms
from tenants.people.wording import grant_words
from tenants.permissions import Permission
from tenants.scoping import org_scope


class HolderKind(StrEnum):
    """Who can hold a grant; the names are those of the columns."""

    USER = "user"
    TEAM = "team"
    SERVICE_ACCOUNT = "service_account"


@dataclass(frozen=True)
class Holder:
    """A person, a team or a service account."""

    kind: HolderKind
    id: UUID

    @classmethod
    def of(cls, row: Grant) -> "Holder":
        for kind in HolderKind:
            found: UUID | None = getattr(row, f"{kind}_id")
            if found is not None:
                return cls(kind, found)
        raise AssertionError("access_grant_one_holder")


def grant(*, access: Access, holder: Holder, terms: GrantTerms) -> Grant:
    """Give a role or set a denial.

    InvalidError for terms that make no sense or an unknown holder, ForbiddenError for more than the caller may give, ConflictError
    when the holder has just this already.
    """
    org_id = access.org.id
    with org_scope(org_id):
        checked = check_terms(org_id, terms)
        require_authority(access, permissions=checked.permissions, scope=terms.scope, place=checked.place)
        _require_over_holder(access, holder, terms.effect)
        return _store(org_id=org_id, actor=access.actor, holder=holder, checked=checked)


def store_grant(*, org_id: UUID, actor: Actor, holder: Holder, terms: GrantTerms) -> Grant:
    """The same for whoever has been authorised otherwise: an accepted invitation, a role that sign-in or SCIM brings."""
    with org_scope(org_id):
        return _store(org_id=org_id, actor=actor, holder=holder, checked=check_terms(org_id, terms))


def revoke_grant(*, access: Access, grant_id: UUID) -> None:
    """Take a grant back, or lift a denial: it needs what giving it would need. NotFoundError when there is none, ConflictError when
    nobody would administer the organization.
    """
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        row = grant_row(org_id, grant_id)
        named = _place_of(row)
        scope, place = GrantScope(row.scope), named.place if named else None
        require_authority(access, permissions=permissions_of(row), scope=scope, place=place)
        _require_over_holder(access, Holder.of(row), Effect(row.effect))
        remove_grant(org_id=org_id, actor=access.actor, row=row)
        require_an_admin(org_id)


def remove_grant(*, org_id: UUID, actor: Actor, row: Grant) -> None:
    """Delete one row, with its line in the audit log; for callers that checked everything."""
    Grant.objects.for_org(org_id).filter(id=row.id).delete()
    label = holder_label(org_id, Holder.of(row))
    named = _place_of(row)
    words = _words(row, named)
    record(
        org_id=org_id,
        actor=actor,
        action="grant.revoke",
        target=AuditTarget("grant", row.id, f"{words} for {label}"),
        before=_facts(row, label, words),
        deployment_id=row.deployment_id,
    )


def grant_row(org_id: UUID, grant_id: UUID) -> Grant:
    """One grant; NotFoundError when there is none. Call it inside org_scope."""
    row = Grant.objects.for_org(org_id).select_related("custom_role", "user", "team").filter(id=grant_id).first()
    if row is None:
        raise NotFoundError("There is no such grant. It may have been revoked already.")
    return row


def holder_label(org_id: UUID, holder: Holder) -> str:
    """The e-mail address of a member, or the name of a team or service account; InvalidError when there is none here."""
    label: str | None
    match holder.kind:
        case HolderKind.USER:
            members = Membership.objects.for_org(org_id).filter(user_id=holder.id)
            label = members.values_list("user__email", flat=True).first()
        case HolderKind.TEAM:
            label = Team.objects.for_org(org_id).filter(id=holder.id).values_list("name", flat=True).first()
        case HolderKind.SERVICE_ACCOUNT:
            accounts = ServiceAccount.objects.for_org(org_id).filter(id=holder.id)
            label = accounts.values_list("name", flat=True).first()
    if label is None:
        words = holder.kind.replace("_", " ") if holder.kind != HolderKind.USER else "member"
        raise InvalidError(f"There is no such {words} in this organization.", attr=holder.kind)
    return label


def _store(*, org_id: UUID, actor: Actor, holder: Holder, checked: CheckedTerms) -> Grant:
    lock_people(org_id)
    label = holder_label(org_id, holder)
    terms = checked.terms
    same = {
        f"{holder.kind}_id": holder.id,
        "effect": terms.effect,
        "role": terms.role or "",
        "custom_role": checked.custom_role,
        "scope": terms.scope,
        "deployment_id": terms.deployment_id,
        "target": terms.target,
        "target_value": terms.target_value.strip(),
    }
    as_long = Q(expires_at=None)
    if terms.expires_at is not None:
        as_long |= Q(expires_at__gte=terms.expires_at)
    if Grant.objects.for_org(org_id).filter(as_long, **same).exists():
        raise ConflictError(f"{label} has just this already.")
    row = Grant.objects.create_in(
        org_id, **same, reason=terms.reason.strip(), expires_at=terms.expires_at, created_by=actor.label[:254]
    )
    words = _words(row, checked.named_place)
    record(
        org_id=org_id,
        actor=actor,
        action="grant.create",
        target=AuditTarget("grant", row.id, f"{words} for {label}"),
        after=_facts(row, label, words),
        deployment_id=row.deployment_id,
        reason=row.reason,
    )
    return row


def _require_over_holder(access: Access, holder: Holder, effect: Effect) -> None:
    """Grants of a team need team:grant too; nobody but their like denies anything to an Organization Admin."""
    if holder.kind == HolderKind.TEAM:
        access.require(Permission.TEAM_GRANT)
    if effect == Effect.DENY and not access.allows(Permission.MEMBER_WRITE) and _holds_admin(access.org.id, holder):
        raise ForbiddenError("Only an Organization Admin can deny something to an Organization Admin.")


def _holds_admin(org_id: UUID, holder: Holder) -> bool:
    people = {holder.id}
    if holder.kind == HolderKind.TEAM:
        rows = TeamMembership.objects.for_org(org_id).filter(team_id=holder.id)
        people = set(rows.values_list("user_id", flat=True))
    return bool(people & organization_admins(org_id))


def _place_of(row: Grant) -> NamedPlace | None:
    return places(row.org_id, [row.deployment_id]).get(row.deployment_id) if row.deployment_id else None


def _words(row: Grant, named: NamedPlace | None) -> str:
    return grant_words(
        role=role_name(row),
        scope=row.scope,
        deployment=named.name if named else None,
        target=row.target,
        value=row.target_value,
    )


def _facts(row: Grant, label: str, words: str) -> dict[str, str | None]:
    return {
        "holder": label,
        "grant": words,
        "effect": row.effect,
        "reason": row.reason,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }
