"""The form that gives a role or sets a denial: what it offers to the caller, and what was filled in, as terms."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone

from tenants.access import Access
from tenants.errors import InvalidError
from tenants.grants import NOTHING, Place
from tenants.models import Effect, GrantScope, Role, TargetKind
from tenants.people import selectors
from tenants.people.authority import has_authority
from tenants.people.places import NamedPlace
from tenants.people.terms import NAMES_DEPLOYMENT, GrantTerms
from tenants.people.visible_grants import GrantViewer

DENY = "deny"
_CUSTOM = "custom:"
# For how long, in hours; 0 for good.
DURATIONS = (
    (0, "for good"),
    (1, "for an hour"),
    (2, "for two hours"),
    (8, "for eight hours"),
    (24, "for a day"),
    (168, "for a week"),
    (720, "for 30 days"),
)


@dataclass(frozen=True)
class Option:
    """One entry of a select."""

    value: str
    label: str


@dataclass(frozen=True)
class GrantForm:
    """What the selects offer."""

    roles: list[Option]
    places: list[Option]
    targets: list[Option]
    durations: list[Option]


def grant_form(access: Access, viewer: GrantViewer) -> GrantForm | None:
    """The form for what the caller may give somewhere; None when that is nothing."""
    offered = _places(access, viewer)
    if not offered:
        return None
    built_in = [Option(role.value, role.label) for role in Role]
    custom = [
        Option(f"{_CUSTOM}{role.id}", role.name) for role in selectors.custom_roles(access.org.id).order_by("name")
    ]
    return GrantForm(
        roles=[*built_in, *custom, Option(DENY, "Nothing: deny and hide")],
        places=offered,
        targets=[Option(kind.value, kind.label) for kind in TargetKind],
        durations=[Option(str(hours), label) for hours, label in DURATIONS],
    )


def terms_of_form(form: QueryDict) -> GrantTerms:
    """What was filled in; InvalidError for what no select offers."""
    role = form.get("role", "")
    scope, deployment_id = _scope(form.get("place", ""))
    hours = form.get("hours", "0")
    if hours not in {str(known) for known, _label in DURATIONS}:
        raise InvalidError("Choose for how long.", attr="hours")
    return GrantTerms(
        scope=scope,
        effect=Effect.DENY if role == DENY else Effect.ALLOW,
        role=Role(role) if role in Role.values else None,
        custom_role_id=_id(role.removeprefix(_CUSTOM), "role") if role.startswith(_CUSTOM) else None,
        deployment_id=deployment_id,
        target=_target(form.get("target", TargetKind.EVERYTHING)),
        target_value=form.get("target_value", "").strip(),
        reason=form.get("reason", "").strip(),
        expires_at=timezone.now() + datetime.timedelta(hours=int(hours)) if hours != "0" else None,
    )


def _places(access: Access, viewer: GrantViewer) -> list[Option]:
    full = [named for named in viewer.places if not named.place.is_branch]
    scopes: list[tuple[GrantScope, NamedPlace | None, str]] = [
        (GrantScope.ORGANIZATION, None, "everywhere"),
        *((GrantScope.DEPLOYMENT, named, named.name) for named in full),
        (GrantScope.ALL_BRANCHES, None, "all branch deployments"),
        *((GrantScope.BRANCHES_OF, named, f"branch deployments of {named.name}") for named in full),
    ]
    return [
        Option(f"{scope.value}:{named.place.id if named else ''}", label)
        for scope, named, label in scopes
        if _may(access, scope, named.place if named else None)
    ]


def _may(access: Access, scope: GrantScope, place: Place | None) -> bool:
    return has_authority(access, permissions=NOTHING, scope=scope, place=place)


def _scope(text: str) -> tuple[GrantScope, UUID | None]:
    name, _, deployment = text.partition(":")
    if name not in GrantScope.values:
        raise InvalidError("Choose where it holds.", attr="place")
    scope = GrantScope(name)
    return scope, _id(deployment, "place") if scope in NAMES_DEPLOYMENT else None


def _target(text: str) -> TargetKind:
    if text not in TargetKind.values:
        raise InvalidError("Choose on what it holds.", attr="target")
    return TargetKind(text)


def _id(text: str, attr: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidError("This is not one of the choices.", attr=attr) from error
