"""Which variables a caller may know of, read or change: a denied code location hides those that are only for it."""

from dataclasses import dataclass, replace

from controlplane.environment.drafts import Draft
from controlplane.environment.models import EnvironmentVariable
from tenants.access import Access
from tenants.errors import ForbiddenError
from tenants.models import TargetKind
from tenants.permissions import Permission


@dataclass(frozen=True)
class VariableRights:
    """The caller's rights in one deployment, as they bear on variables."""

    access: Access

    def sees(self, variable: EnvironmentVariable) -> bool:
        """Whether the variable is there for the caller at all."""
        return not variable.locations or bool(self.locations(variable))

    def locations(self, variable: EnvironmentVariable) -> list[str]:
        """The listed code locations that the caller may know of."""
        return [name for name in variable.locations if self.sees_location(name)]

    def sees_location(self, name: str) -> bool:
        """Whether a grant reaches the location and no denial hides it."""
        rights = self.access.rights
        hidden = any(target.kind == TargetKind.LOCATION and target.value == name for target in rights.hidden)
        return not hidden and (
            Permission.ENVIRONMENT_READ in rights.everywhere or self._on(name, Permission.ENVIRONMENT_READ)
        )

    def require(self, permission: Permission, locations: list[str]) -> None:
        """ForbiddenError unless the right holds for all of these code locations, or everywhere when none are listed."""
        if not self.allows(permission, locations):
            raise ForbiddenError(
                f"This needs the permission {permission} for {' and '.join(locations) or 'every code location'}."
            )

    def allows(self, permission: Permission, locations: list[str]) -> bool:
        """Whether `require` lets pass."""
        if permission in self.access.rights.everywhere:
            return True
        return bool(locations) and all(self._on(name, permission) for name in locations)

    def keeping_hidden(self, draft: Draft, known: EnvironmentVariable) -> Draft:
        """The draft with the listed code locations that the caller cannot see, for they cannot have meant to drop them."""
        hidden = [name for name in known.locations if not self.sees_location(name)]
        return replace(draft, locations=(*draft.locations, *hidden)) if draft.locations else draft

    def _on(self, name: str, permission: Permission) -> bool:
        return any(
            target.kind == TargetKind.LOCATION and target.value == name and permission in permissions
            for target, permissions in self.access.rights.on_parts
        )
