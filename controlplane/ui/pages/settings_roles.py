"""Roles: the matrix of permissions, with the built-in roles fixed and the custom ones to be ticked."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from controlplane.ui.pages.settings_people_base import PeoplePage
from tenants.models import CustomRole, Role
from tenants.people import roles, selectors
from tenants.people.roles import RoleTerms
from tenants.people.vocabulary import ENTRIES, PermissionEntry
from tenants.permissions import ORGANIZATION_WIDE, ROLE_PERMISSIONS, Permission, permissions_named


@dataclass(frozen=True)
class Cell:
    """A custom role and a permission; `fixed` where the role can never hold it."""

    role: CustomRole
    held: bool
    fixed: bool


@dataclass(frozen=True)
class Row:
    """One permission across all roles."""

    entry: PermissionEntry
    built_in: list[tuple[Role, bool]]
    custom: list[Cell]


class Roles(PeoplePage):
    """The matrix; saves what was ticked in it."""

    permissions: ClassVar = {"GET": Permission.ROLE_READ, "POST": Permission.ROLE_WRITE}
    section = "settings-roles"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        custom = list(selectors.custom_roles(self.org_id).order_by("name"))
        held = selectors.times_held(self.org_id)
        return self.render(
            request,
            "settings/people/roles.html",
            groups=_groups(custom),
            built_in=list(Role),
            custom=[(role, held.get(role.id, 0)) for role in custom],
        )

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Change every role whose column differs from what is stored."""
        return self.changed(
            request, lambda: self._save(request), "The roles are saved.", self.address("settings-roles")
        )

    def _save(self, request: HttpRequest) -> None:
        # The form says which columns it showed: a role that came meanwhile is left alone.
        shown = set(request.POST.getlist("shown"))
        for role in selectors.custom_roles(self.org_id).order_by("name"):
            ticked = set(request.POST.getlist(f"role-{role.id}"))
            if str(role.id) in shown and ticked != set(role.permissions):
                roles.change_role(access=self.access, role_id=role.id, terms=_terms(role, ticked))


class NewRole(PeoplePage):
    """Makes a role, as a copy of a built-in one at first."""

    permissions: ClassVar = {"POST": Permission.ROLE_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        wide = request.POST.get("level") == "organization"
        like = request.POST.get("like", "")
        start = ROLE_PERMISSIONS[Role(like if like in Role.values else Role.VIEWER)]
        terms = RoleTerms(
            name=request.POST.get("name", ""),
            description=request.POST.get("description", ""),
            permissions=tuple(start if wide else start - ORGANIZATION_WIDE),
            of_organization=wide,
        )
        return self.changed(
            request,
            lambda: roles.create_role(access=self.access, terms=terms),
            f"The role {terms.name.strip()} is there. Tick what it may, and save.",
            self.address("settings-roles"),
        )


class RenameRole(PeoplePage):
    """Gives a role another name and description."""

    permissions: ClassVar = {"POST": Permission.ROLE_WRITE}

    def post(self, request: HttpRequest, role_id: UUID, **_kwargs: Any) -> HttpResponse:
        role = roles.custom_role(self.org_id, role_id)
        terms = RoleTerms(
            name=request.POST.get("name", ""),
            description=request.POST.get("description", ""),
            permissions=tuple(permissions_named(role.permissions)),
            of_organization=role.of_organization,
        )
        return self.changed(
            request,
            lambda: roles.change_role(access=self.access, role_id=role_id, terms=terms),
            f"The role is called {terms.name.strip()} now.",
            self.address("settings-roles"),
        )


class DeleteRole(PeoplePage):
    """Deletes a role that nobody holds."""

    permissions: ClassVar = {"POST": Permission.ROLE_WRITE}

    def post(self, request: HttpRequest, role_id: UUID, **_kwargs: Any) -> HttpResponse:
        name = roles.custom_role(self.org_id, role_id).name
        return self.changed(
            request,
            lambda: roles.delete_role(access=self.access, role_id=role_id),
            f"The role {name} is deleted.",
            self.address("settings-roles"),
        )


def _terms(role: CustomRole, ticked: set[str]) -> RoleTerms:
    return RoleTerms(
        name=role.name,
        description=role.description,
        of_organization=role.of_organization,
        permissions=tuple(sorted(ticked)),
    )


def _groups(custom: list[CustomRole]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for entry in ENTRIES:
        built_in = [(role, entry.permission in ROLE_PERMISSIONS[role]) for role in Role]
        cells = [_cell(role, entry.permission) for role in custom]
        groups.setdefault(entry.group, []).append(Row(entry, built_in, cells))
    return list(groups.items())


def _cell(role: CustomRole, permission: Permission) -> Cell:
    fixed = permission in ORGANIZATION_WIDE and not role.of_organization
    return Cell(role, held=permission.value in role.permissions, fixed=fixed)
