"""Who may give what: nobody gives, or takes away, more than they hold themselves, nor where they do not hold it.

Over the whole organization member:write decides, which Organization Admins hold. In deployments `deployment:grant` does, held on all
of the scope: an Admin of `prod` gives roles in `prod`. Whoever has a part of a deployment hidden from them gives nothing there: they
could lift their own denial.
"""

from collections.abc import Iterable
from uuid import UUID

from tenants.access import Access
from tenants.errors import ForbiddenError
from tenants.grants import NOTHING, Holding, Place, Rights, permissions_of
from tenants.models import Effect, Grant, GrantScope
from tenants.people.places import places
from tenants.permissions import OF_DEPLOYMENTS, ORGANIZATION_WIDE, Permission

# Stands for a branch that does not exist yet: what holds there holds in all branches of the scope.
_ANY_BRANCH = UUID(int=0)


def require_authority(
    access: Access, *, permissions: frozenset[Permission], scope: GrantScope, place: Place | None
) -> None:
    """ForbiddenError unless the caller may give or take rights in this scope; `place` is the deployment that the scope names.

    For a denial `permissions` is empty. Call it inside org_scope.
    """
    missing = _missing_in_organization(access, permissions)
    if access.allows(Permission.MEMBER_WRITE) and not missing:
        return
    if scope == GrantScope.ORGANIZATION:
        raise ForbiddenError(
            "What holds in the whole organization is given and taken by Organization Admins. "
            "Choose a deployment in which you are Admin."
        )
    rights = rights_over(access, scope, place)
    if Permission.DEPLOYMENT_GRANT not in rights.everywhere:
        raise ForbiddenError(f"This needs the permission {Permission.DEPLOYMENT_GRANT} there, which its Admins have.")
    if rights.hidden:
        raise ForbiddenError("You see only a part of what this is about. An Organization Admin can do it.")
    _require_held(access, rights, permissions)


def has_authority(
    access: Access, *, permissions: frozenset[Permission], scope: GrantScope, place: Place | None
) -> bool:
    """Whether `require_authority` would let the caller pass."""
    try:
        require_authority(access, permissions=permissions, scope=scope, place=place)
    except ForbiddenError:
        return False
    return True


def held_in_organization(access: Access) -> frozenset[Permission]:
    """Rights that the caller holds on everything in the organization, by grants over all of it."""
    wide = (
        held.permissions
        for held in access.holdings.grants
        if held.effect == Effect.ALLOW and held.target is None and held.scope == GrantScope.ORGANIZATION
    )
    return NOTHING.union(*wide) & access.limit


def rights_over(access: Access, scope: GrantScope, place: Place | None) -> Rights:
    """Rights that the caller holds in every deployment of a scope below the organization."""
    if scope == GrantScope.DEPLOYMENT:
        return access.holdings.at(place).cut(access.limit) if place else Rights()
    parent_id = place.id if place else None
    if _is_denied_in_some(access, scope, parent_id):
        return Rights()
    return access.holdings.at(Place(id=_ANY_BRANCH, is_branch=True, parent_id=parent_id)).cut(access.limit)


def _missing_in_organization(access: Access, permissions: frozenset[Permission]) -> frozenset[Permission]:
    return permissions - held_in_organization(access)


def _require_held(access: Access, rights: Rights, permissions: frozenset[Permission]) -> None:
    # Rights that only an organization-wide grant carries have no effect in a deployment.
    given = permissions - ORGANIZATION_WIDE
    missing = (given & OF_DEPLOYMENTS) - rights.everywhere | (given - OF_DEPLOYMENTS) - access.permissions
    if missing:
        names = ", ".join(sorted(missing)[:3])
        raise ForbiddenError(f"You cannot give or take what you do not hold there yourself: {names}.")


def _is_denied_in_some(access: Access, scope: GrantScope, parent_id: UUID | None) -> bool:
    """Whether some branch of the scope is denied to the caller by a denial narrower than the scope."""
    denials = [held for held in access.holdings.grants if held.effect == Effect.DENY]
    if scope == GrantScope.ALL_BRANCHES and any(held.scope == GrantScope.BRANCHES_OF for held in denials):
        return True
    return any(parent_id in (None, place.parent_id) for place in _denied_branches(access, denials))


def _denied_branches(access: Access, denials: Iterable[Holding]) -> list[Place]:
    ids = [held.deployment_id for held in denials if held.scope == GrantScope.DEPLOYMENT and held.deployment_id]
    found = places(access.org.id, ids).values() if ids else ()
    return [named.place for named in found if named.place.is_branch]


def require_authority_over(access: Access, grants: Iterable[Grant]) -> None:
    """ForbiddenError unless the caller may give each of these; for what gives or takes many at once, as joining a team does."""
    rows = list(grants)
    named = places(access.org.id, [row.deployment_id for row in rows if row.deployment_id])
    for row in rows:
        found = named.get(row.deployment_id) if row.deployment_id else None
        place = found.place if found else None
        require_authority(access, permissions=permissions_of(row), scope=GrantScope(row.scope), place=place)
