"""What an identity provider does with members: add, change, deactivate, remove. Each is one transaction with its audit row.

A member whom it touches is its own from then on (`is_synced`). Whoever is deactivated or removed loses their tokens for good, and the
invitations they sent; the next request of their sessions is refused at the door. What they were granted comes back with them when they
are activated again.
"""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError, NotFoundError
from tenants.models import ApiToken, Grant, Membership, TeamMembership
from tenants.people.admins import lock_people
from tenants.people.grants import remove_grant
from tenants.people.invitations import revoke_invitations_of
from tenants.scim.accounts import UniquenessError, account_for
from tenants.scim.resources import stored_document, user_name
from tenants.scoping import org_scope
from tenants.token_services import revoke_token

_NAME_MAX = 200
_COLUMN_MAX = 254


def member(org_id: UUID, resource_id: str) -> Membership:
    """One membership with its account; NotFoundError when there is none with this id. Call it inside org_scope."""
    found = Membership.objects.for_org(org_id).select_related("user").filter(id=_uuid(resource_id)).first()
    if found is None:
        raise NotFoundError("There is no such user.")
    return found


def create_user(*, org_id: UUID, user: Any, actor: Actor) -> Membership:
    """Make somebody a member. They hold nothing until a grant, or one of a team of theirs, gives it."""
    with org_scope(org_id):
        lock_people(org_id)
        fields = _fields(org_id, user, itself=None)
        account = account_for(org_id, email=_primary_email(user), name=_name(user))
        row = Membership(org_id=org_id, user=account, **fields)
        _store(row)
        record(org_id=org_id, actor=actor, action="member.provision", target=_target(row), after=_facts(row))
    return row


def change_user(*, org_id: UUID, resource_id: str, user: Any, actor: Actor) -> Membership:
    """Make the member be what the whole resource says."""
    with org_scope(org_id):
        lock_people(org_id)
        row = member(org_id, resource_id)
        before, was_active = _facts(row), row.is_active
        for name, value in _fields(org_id, user, itself=row).items():
            setattr(row, name, value)
        _store(row)
        after = _facts(row)
        if was_active and not row.is_active:
            _revoke_credentials(row, actor)
        if before != after:
            action = _ACTIONS.get((was_active, row.is_active), "member.update")
            record(org_id=org_id, actor=actor, action=action, target=_target(row), before=before, after=after)
    return row


_ACTIONS = {(True, False): "member.deactivate", (False, True): "member.activate"}


def delete_user(*, org_id: UUID, resource_id: str, actor: Actor) -> None:
    """Take somebody out of the organization, with their grants, teams and tokens. Their account stays: it is theirs."""
    with org_scope(org_id):
        lock_people(org_id)
        row = member(org_id, resource_id)
        own = Grant.objects.for_org(org_id).filter(user_id=row.user_id).select_related("custom_role")
        for grant in list(own):
            remove_grant(org_id=org_id, actor=actor, row=grant)
        teams = TeamMembership.objects.for_org(org_id).filter(user_id=row.user_id)
        before = {**_facts(row), "teams": sorted(teams.values_list("team__name", flat=True))}
        teams.delete()
        _revoke_credentials(row, actor)
        Membership.objects.for_org(org_id).filter(id=row.id).delete()
        record(org_id=org_id, actor=actor, action="member.remove", target=_target(row), before=before)


def _revoke_credentials(row: Membership, actor: Actor) -> None:
    """Tokens, and the invitations by which the person would come back under another address."""
    revoke_invitations_of(org_id=row.org_id, user_id=row.user_id, actor=actor)
    tokens = ApiToken.objects.for_org(row.org_id).filter(user_id=row.user_id, revoked_at=None)
    for token_id in list(tokens.values_list("id", flat=True)):
        reason = "the identity provider took the person away"
        revoke_token(org_id=row.org_id, token_id=token_id, actor=actor, reason=reason)


def _fields(org_id: UUID, user: Any, *, itself: Membership | None) -> dict[str, Any]:
    """Columns from a resource; InvalidError and UniquenessError for what cannot be stored."""
    name, external_id = user.user_name or "", user.external_id or ""
    for attr, text in (("userName", name), ("externalId", external_id)):
        if len(text) > _COLUMN_MAX or "\0" in text:
            raise InvalidError(f"{attr} is at most {_COLUMN_MAX} characters, without NUL.", attr=attr)
    _check_user_name(org_id, name, itself)
    return {
        "is_synced": True,
        "is_active": user.active if user.active is not None else itself is None or itself.is_active,
        "user_name": name,
        "external_id": external_id,
        "scim": stored_document(user),
    }


def _check_user_name(org_id: UUID, name: str, itself: Membership | None) -> None:
    """A member whom the identity provider does not manage yet goes by their e-mail address."""
    same = Q(user_name__iexact=name) | Q(user_name=None, user__email__iexact=name)
    others = Membership.objects.for_org(org_id).filter(same)
    if itself is not None:
        others = others.exclude(id=itself.id)
    if others.exists():
        raise UniquenessError(f"There is a user called {name} already.")


def _store(row: Membership) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise UniquenessError("Somebody added this user at the same time.") from error


def _primary_email(user: Any) -> str:
    emails = user.emails or []
    primary = next((email for email in emails if email.primary), emails[0] if emails else None)
    if primary is None or not primary.value:
        raise InvalidError("A user needs an e-mail address.", attr="emails")
    return str(primary.value)


def _name(user: Any) -> str:
    parts = [user.name.given_name, user.name.family_name] if user.name else []
    whole = user.name.formatted if user.name else None
    return (user.display_name or whole or " ".join(filter(None, parts)) or "")[:_NAME_MAX]


def _target(row: Membership) -> AuditTarget:
    return AuditTarget("member", row.user_id, row.user.email)


def _facts(row: Membership) -> dict[str, Any]:
    return {
        "user_name": user_name(row),
        "external_id": row.external_id,
        "is_active": row.is_active,
        "is_synced": row.is_synced,
        "attributes": row.scim,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError("There is no such resource.") from error
