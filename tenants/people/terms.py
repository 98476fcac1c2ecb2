"""What a grant says apart from who gets it, and whether that makes sense. Who may give it is another question: authority.py."""

import datetime
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from tenants.errors import InvalidError
from tenants.grants import NOTHING, Place
from tenants.models import CustomRole, Effect, GrantScope, Role, TargetKind
from tenants.people.places import NamedPlace, places
from tenants.people.selections import check_selection
from tenants.permissions import ROLE_PERMISSIONS, Permission, permissions_named

NAMES_DEPLOYMENT = frozenset({GrantScope.DEPLOYMENT, GrantScope.BRANCHES_OF})
NAMES_NOTHING = frozenset({TargetKind.EVERYTHING, TargetKind.OWNED})
MAX_REASON = 500
MAX_TARGET = 1000


@dataclass(frozen=True)
class GrantTerms:
    """A role or a denial, in a scope, on a target, perhaps until a time. An allowing grant has either `role` or `custom_role_id`."""

    scope: GrantScope
    effect: Effect = Effect.ALLOW
    role: Role | None = None
    custom_role_id: UUID | None = None
    deployment_id: UUID | None = None
    target: TargetKind = TargetKind.EVERYTHING
    target_value: str = ""
    reason: str = ""
    expires_at: datetime.datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The terms for storing; `terms_of_json` reads them."""
        return {name: _plain(value) for name, value in asdict(self).items() if value not in (None, "")}


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def terms_of_json(stored: dict[str, str]) -> GrantTerms:
    """Read what `as_json` wrote."""
    return GrantTerms(
        scope=GrantScope(stored["scope"]),
        effect=Effect(stored["effect"]),
        role=Role(stored["role"]) if "role" in stored else None,
        custom_role_id=UUID(stored["custom_role_id"]) if "custom_role_id" in stored else None,
        deployment_id=UUID(stored["deployment_id"]) if "deployment_id" in stored else None,
        target=TargetKind(stored["target"]),
        target_value=stored.get("target_value", ""),
        reason=stored.get("reason", ""),
        expires_at=parse_datetime(stored["expires_at"]) if "expires_at" in stored else None,
    )


@dataclass(frozen=True)
class CheckedTerms:
    """Terms that make sense, with what they name: the custom role, the deployment, and the rights that would be given."""

    terms: GrantTerms
    custom_role: CustomRole | None
    named_place: NamedPlace | None
    permissions: frozenset[Permission]

    @property
    def place(self) -> Place | None:
        return self.named_place.place if self.named_place else None

    @property
    def role_name(self) -> str:
        """The role as people read it; empty for a denial."""
        if self.custom_role is not None:
            return self.custom_role.name
        return self.terms.role.label if self.terms.role else ""


def check_terms(org_id: UUID, terms: GrantTerms) -> CheckedTerms:
    """InvalidError, with the field in `attr`, for terms that make no sense in this organization. Call it inside org_scope."""
    custom_role = _check_role(org_id, terms)
    named_place = _check_scope(org_id, terms)
    _check_target(terms)
    _check_time(terms)
    whole = terms.role == Role.ORGANIZATION_ADMIN or (custom_role is not None and custom_role.of_organization)
    if whole and terms.scope != GrantScope.ORGANIZATION:
        raise InvalidError(
            "This role is over the whole organization: give it there, not in a deployment.", attr="scope"
        )
    if whole and terms.target != TargetKind.EVERYTHING:
        raise InvalidError("This role is over the whole organization: it cannot be given on a part.", attr="target")
    return CheckedTerms(terms, custom_role, named_place, _permissions(terms, custom_role))


def _permissions(terms: GrantTerms, custom_role: CustomRole | None) -> frozenset[Permission]:
    if custom_role is not None:
        return permissions_named(custom_role.permissions)
    return ROLE_PERMISSIONS[terms.role] if terms.role else NOTHING


def _check_role(org_id: UUID, terms: GrantTerms) -> CustomRole | None:
    named = [choice for choice in (terms.role, terms.custom_role_id) if choice]
    if terms.effect == Effect.DENY:
        if named:
            raise InvalidError("A denial takes everything away, whatever the role: name none.", attr="role")
        return None
    if len(named) != 1:
        raise InvalidError("Name one role: a built-in one, or a custom one of this organization.", attr="role")
    if terms.custom_role_id is None:
        return None
    custom_role = CustomRole.objects.for_org(org_id).filter(id=terms.custom_role_id).first()
    if custom_role is None:
        raise InvalidError("There is no such custom role in this organization.", attr="custom_role_id")
    return custom_role


def _check_scope(org_id: UUID, terms: GrantTerms) -> NamedPlace | None:
    if (terms.scope in NAMES_DEPLOYMENT) != (terms.deployment_id is not None):
        raise InvalidError(
            "Name a deployment for the scopes `deployment` and `branches_of`, and none for the others.",
            attr="deployment_id",
        )
    if terms.deployment_id is None:
        return None
    found = places(org_id, [terms.deployment_id]).get(terms.deployment_id)
    if found is None:
        raise InvalidError("There is no such deployment in this organization.", attr="deployment_id")
    if terms.scope == GrantScope.BRANCHES_OF and found.place.is_branch:
        raise InvalidError(f"{found.name} is a branch deployment and has no branches itself.", attr="deployment_id")
    return found


def _check_target(terms: GrantTerms) -> None:
    value = terms.target_value
    if terms.target in NAMES_NOTHING:
        if value:
            raise InvalidError("Everything and what one owns need no name.", attr="target_value")
        if terms.target == TargetKind.OWNED and terms.effect == Effect.DENY:
            raise InvalidError("What one owns cannot be denied to its owner.", attr="target")
        return
    if not value.strip() or len(value) > MAX_TARGET or "\0" in value:
        raise InvalidError(f"Name what it is on, in 1 to {MAX_TARGET} characters.", attr="target_value")
    if terms.target == TargetKind.TAG and not value.partition("=")[0].strip():
        raise InvalidError("A tag is written `key`, or `key=value`.", attr="target_value")
    if terms.target == TargetKind.SELECTION:
        check_selection(value)


def _check_time(terms: GrantTerms) -> None:
    if len(terms.reason) > MAX_REASON or "\0" in terms.reason:
        raise InvalidError(f"A reason has at most {MAX_REASON} characters.", attr="reason")
    if terms.expires_at is None:
        return
    if terms.expires_at <= timezone.now():
        raise InvalidError("This moment has passed already.", attr="expires_at")
    if not terms.reason.strip():
        raise InvalidError("A grant for a time needs a reason, which the audit log keeps.", attr="reason")
