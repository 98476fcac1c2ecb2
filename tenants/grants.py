"""What one person, team or service account holds, and the rights that follow from it in a place. Reads grants; writes none.

Rules. Rights add up over a holder's own grants and those of their teams. A grant on a target (a code location, a group, a tag, an
asset selection, what one owns) gives its rights there only. A denial takes away everything on its target, and hides it; it wins over
any grant. Denials concern deployments and what is in them: rights over the organization itself cannot be denied, so that whoever
administers it can always undo a denial.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from tenants.models import Effect, Grant, GrantScope, Role, TargetKind, TeamMembership
from tenants.permissions import (
    OF_DEPLOYMENTS,
    OF_MEMBERS,
    ORGANIZATION_WIDE,
    ROLE_PERMISSIONS,
    Permission,
    permissions_named,
)

NOTHING: frozenset[Permission] = frozenset()


@dataclass(frozen=True)
class Target:
    """Part of a deployment that a grant names: the kind, and the location, group, tag or selection."""

    kind: TargetKind
    value: str = ""


@dataclass(frozen=True)
class Place:
    """A deployment as grants and reaches see it. `parent_id` is the full deployment that a branch deployment belongs to.

    `is_fork`: strangers wrote the code of the branch.
    """

    id: UUID
    is_branch: bool = False
    parent_id: UUID | None = None
    is_fork: bool = False


@dataclass(frozen=True)
class Holding:
    """One grant of a holder as it stands now: what it gives or denies, where, and through whom it came."""

    grant_id: UUID
    effect: Effect
    scope: GrantScope
    deployment_id: UUID | None
    target: Target | None
    permissions: frozenset[Permission]
    role: str
    team: str
    expires_at: datetime | None
    reason: str

    def holds_at(self, place: Place) -> bool:
        """Whether the deployment is in the scope."""
        match self.scope:
            case GrantScope.ORGANIZATION:
                return True
            case GrantScope.DEPLOYMENT:
                return self.deployment_id == place.id
            case GrantScope.ALL_BRANCHES:
                return place.is_branch
            case GrantScope.BRANCHES_OF:
                return place.is_branch and self.deployment_id == place.parent_id


@dataclass(frozen=True)
class Rights:
    """What a holder may do in one deployment: on all of it, more on parts of it, and what is hidden from them."""

    everywhere: frozenset[Permission] = NOTHING
    on_parts: tuple[tuple[Target, frozenset[Permission]], ...] = ()
    hidden: tuple[Target, ...] = ()
    # Names under which the holder owns definitions: their e-mail address and `team:<name>`.
    owner_names: frozenset[str] = frozenset()

    @property
    def somewhere(self) -> frozenset[Permission]:
        """Rights held on all of the deployment or on a part of it."""
        return self.everywhere.union(*(permissions for _target, permissions in self.on_parts))

    def cut(self, limit: frozenset[Permission]) -> "Rights":
        """The same with no right outside `limit`, as a token has it."""
        parts = tuple((target, permissions & limit) for target, permissions in self.on_parts)
        return Rights(self.everywhere & limit, parts, self.hidden, self.owner_names)


NO_RIGHTS = Rights()


@dataclass(frozen=True)
class Holdings:
    """Everything that one holder holds in an organization."""

    grants: tuple[Holding, ...] = ()
    owner_names: frozenset[str] = frozenset()

    def in_organization(self) -> frozenset[Permission]:
        """Rights over the organization: some come with any grant, the rest with an organization-wide one."""
        found = OF_MEMBERS
        for held in self.grants:
            if held.effect == Effect.ALLOW and held.target is None:
                wide = held.scope == GrantScope.ORGANIZATION
                found |= held.permissions - OF_DEPLOYMENTS - (NOTHING if wide else ORGANIZATION_WIDE)
            elif held.effect == Effect.ALLOW:
                found |= (held.permissions & ROLE_PERMISSIONS[Role.VIEWER]) - OF_DEPLOYMENTS
        return found

    def at(self, place: Place) -> Rights:
        """Rights in one deployment."""
        here = [held for held in self.grants if held.holds_at(place)]
        denied = [held.target for held in here if held.effect == Effect.DENY]
        if None in denied:
            return NO_RIGHTS
        allowed = [held for held in here if held.effect == Effect.ALLOW]
        return Rights(
            everywhere=NOTHING.union(*(held.permissions for held in allowed if held.target is None)) & OF_DEPLOYMENTS,
            on_parts=tuple((held.target, held.permissions & OF_DEPLOYMENTS) for held in allowed if held.target),
            hidden=tuple(target for target in denied if target is not None),
            owner_names=self.owner_names,
        )


NO_HOLDINGS = Holdings()


def holdings_of_user(org_id: UUID, user_id: UUID, email: str) -> Holdings:
    """What a person holds, by themselves and through teams. Call it inside org_scope."""
    rows = TeamMembership.objects.for_org(org_id).filter(user_id=user_id)
    teams = dict(rows.values_list("team_id", "team__name"))
    found = _holdings(org_id, Q(user_id=user_id) | Q(team_id__in=list(teams)), teams)
    return Holdings(tuple(found), frozenset({email, *(f"team:{name}" for name in teams.values())}))


def holdings_of_service_account(org_id: UUID, service_account_id: UUID) -> Holdings:
    """What a service account holds. Call it inside org_scope."""
    return Holdings(tuple(_holdings(org_id, Q(service_account_id=service_account_id), {})))


def _holdings(org_id: UUID, holder: Q, teams: dict[UUID, str]) -> Iterable[Holding]:
    live = Q(expires_at=None) | Q(expires_at__gt=Now())
    for grant in Grant.objects.for_org(org_id).filter(holder, live).select_related("custom_role"):
        kind = TargetKind(grant.target)
        yield Holding(
            grant_id=grant.id,
            effect=Effect(grant.effect),
            scope=GrantScope(grant.scope),
            deployment_id=grant.deployment_id,
            target=None if kind == TargetKind.EVERYTHING else Target(kind, grant.target_value),
            permissions=permissions_of(grant),
            role=role_name(grant),
            team=teams.get(grant.team_id, "") if grant.team_id else "",
            expires_at=grant.expires_at,
            reason=grant.reason,
        )


def permissions_of(grant: Grant) -> frozenset[Permission]:
    """What an allowing grant gives before scope and target cut it; nothing for a denial."""
    if grant.custom_role is not None:
        return permissions_named(grant.custom_role.permissions)
    return ROLE_PERMISSIONS[Role(grant.role)] if grant.role else NOTHING


def role_name(grant: Grant) -> str:
    """The role as people read it; empty for a denial."""
    if grant.custom_role is not None:
        return grant.custom_role.name
    return Role(grant.role).label if grant.role else ""
