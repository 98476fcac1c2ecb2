"""Custom roles: sets of permissions that an organization names itself."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from tenants.access import Access
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.models import CustomRole, Grant, GrantScope, Role, TargetKind
from tenants.people.admins import lock_people
from tenants.people.authority import held_in_organization
from tenants.people.models import Invitation
from tenants.people.vocabulary import DAGSTER_PLUS, FOR_PEOPLE
from tenants.permissions import ORGANIZATION_WIDE, ROLE_PERMISSIONS, Permission, permissions_named
from tenants.scoping import org_scope

MAX_NAME = 100
MAX_DESCRIPTION = 500


@dataclass(frozen=True)
class RoleTerms:
    """What a custom role is. `permissions` are our names or those of Dagster+; `of_organization` says where it may be granted."""

    name: str
    permissions: tuple[str, ...]
    description: str = ""
    of_organization: bool = False


def create_role(*, access: Access, terms: RoleTerms) -> CustomRole:
    """Add a role; InvalidError for what makes no sense, ForbiddenError for more than the caller holds, ConflictError for a taken name."""
    access.require(Permission.ROLE_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        permissions = _checked(access, terms)
        with _name_once(terms.name):
            role = CustomRole.objects.create_in(org_id, **_columns(terms, permissions))
        record(
            org_id=org_id,
            actor=access.actor,
            action="role.create",
            target=AuditTarget("custom_role", role.id, role.name),
            after=_facts(role),
        )
    return role


def change_role(*, access: Access, role_id: UUID, terms: RoleTerms) -> CustomRole:
    """Make the role what the terms say; whoever holds it has the new rights at their next request. Errors as `create_role`."""
    access.require(Permission.ROLE_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        role = custom_role(org_id, role_id)
        before = _facts(role)
        # What the role holds now counts too: a change takes as well as gives.
        _require_held(access, permissions_named(role.permissions))
        permissions = _checked(access, terms)
        if terms.of_organization and not role.of_organization:
            _require_granted_wide_only(org_id, role)
        for name, value in _columns(terms, permissions).items():
            setattr(role, name, value)
        with _name_once(terms.name):
            role.save()
        record(
            org_id=org_id,
            actor=access.actor,
            action="role.change",
            target=AuditTarget("custom_role", role.id, role.name),
            before=before,
            after=_facts(role),
        )
    return role


def delete_role(*, access: Access, role_id: UUID) -> None:
    """Delete a role that nobody holds and no invitation promises; ConflictError otherwise."""
    access.require(Permission.ROLE_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        role = custom_role(org_id, role_id)
        held = Grant.objects.for_org(org_id).filter(custom_role=role).count()
        if held:
            raise ConflictError(f"{role.name} is held through {held} grant{'' if held == 1 else 's'}. Revoke first.")
        pending = Invitation.objects.for_org(org_id).filter(accepted_at=None, revoked_at=None)
        if pending.filter(grants__contains=[{"custom_role_id": str(role.id)}]).exists():
            raise ConflictError(f"A pending invitation promises {role.name}. Revoke it first.")
        CustomRole.objects.for_org(org_id).filter(id=role.id).delete()
        record(
            org_id=org_id,
            actor=access.actor,
            action="role.delete",
            target=AuditTarget("custom_role", role.id, role.name),
            before=_facts(role),
        )


def custom_role(org_id: UUID, role_id: UUID) -> CustomRole:
    """One custom role; NotFoundError when there is none. Call it inside org_scope."""
    role = CustomRole.objects.for_org(org_id).filter(id=role_id).first()
    if role is None:
        raise NotFoundError("There is no such custom role.")
    return role


def permissions_meant(names: Iterable[str]) -> frozenset[Permission]:
    """Permissions by our names, or by those of Dagster+, whose roles see everything besides; InvalidError names one that is neither."""
    found: frozenset[Permission] = frozenset()
    known = {permission.value: permission for permission in FOR_PEOPLE}
    for name in names:
        if name in known:
            found |= {known[name]}
        elif name in DAGSTER_PLUS:
            found |= DAGSTER_PLUS[name] | ROLE_PERMISSIONS[Role.VIEWER]
        else:
            raise InvalidError(
                f"{name!r} is no permission. permissions/ lists those that there are.", attr="permissions"
            )
    return found


def _checked(access: Access, terms: RoleTerms) -> frozenset[Permission]:
    _check_words(terms)
    permissions = permissions_meant(terms.permissions)
    if not permissions:
        raise InvalidError("A role needs at least one permission that Daggerboard knows.", attr="permissions")
    wide = sorted(permissions & ORGANIZATION_WIDE)
    if wide and not terms.of_organization:
        raise InvalidError(
            f"{wide[0]} is over the whole organization: make this a role of the organization, or leave it out.",
            attr="permissions",
        )
    _require_held(access, permissions)
    return permissions


def _require_held(access: Access, permissions: frozenset[Permission]) -> None:
    missing = sorted(permissions - held_in_organization(access))
    if missing:
        raise ForbiddenError(
            f"Nobody puts into a role, or takes out of it, what they do not hold in the whole organization themselves: {missing[0]}."
        )


def _check_words(terms: RoleTerms) -> None:
    name = terms.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidError(f"The name of a role is 1 to {MAX_NAME} printable characters.", attr="name")
    if name.lower() in {role.label.lower() for role in Role} | set(Role.values):
        raise InvalidError(f"{name} is a built-in role. Choose another name.", attr="name")
    if len(terms.description) > MAX_DESCRIPTION or "\0" in terms.description:
        raise InvalidError(f"A description has at most {MAX_DESCRIPTION} characters.", attr="description")


def _require_granted_wide_only(org_id: UUID, role: CustomRole) -> None:
    grants = Grant.objects.for_org(org_id).filter(custom_role=role)
    if grants.exclude(scope=GrantScope.ORGANIZATION, target=TargetKind.EVERYTHING).exists():
        raise ConflictError(
            f"{role.name} is granted in deployments, where a role of the organization cannot be. Revoke these grants first."
        )


@contextmanager
def _name_once(name: str) -> Iterator[None]:
    """ConflictError for a name that is taken; the transaction around it stays usable."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise ConflictError(f"There is already a role called {name.strip()}.", attr="name") from error


def _columns(terms: RoleTerms, permissions: frozenset[Permission]) -> dict[str, object]:
    return {
        "name": terms.name.strip(),
        "description": terms.description.strip(),
        "of_organization": terms.of_organization,
        "permissions": sorted(permissions),
    }


def _facts(role: CustomRole) -> dict[str, object]:
    return {
        "name": role.name,
        "description": role.description,
        "of_organization": role.of_organization,
        "permissions": sorted(role.permissions),
    }
