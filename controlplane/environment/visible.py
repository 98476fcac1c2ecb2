"""Which variables a caller may know of, read or change: a denied code location hides those that are only for it."""

from dataclasses import dataclass

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
        everywhere = Permission.ENVIRONMENT_READ in self.access.rights.everywhere
        return not self._is_denied(name) and (everywhere or self._on(name, Permission.ENVIRONMENT_READ))

    def require(self, permission: Permission, locations: list[str]) -> None:
        """ForbiddenError unless the right holds for all of these code locations, or everywhere when none are listed."""
        if not self.allows(permission, locations):
            seen = [name for name in locations if self.sees_location(name)]
            part = " and ".join(seen) if seen and seen == locations else "every code location that it is for"
            raise ForbiddenError(f"This needs the permission {permission} for {part}.")

    def allows(self, permission: Permission, locations: list[str]) -> bool:
        """Whether `require` lets pass. Who is denied one of the locations changes nothing there, but may read what is for others too."""
        if permission == Permission.SECRET_WRITE and self._reaches_denied(locations):
            return False
        if permission in self.access.rights.everywhere:
            return True
        return bool(locations) and all(self._on(name, permission) for name in locations)

    def _reaches_denied(self, locations: list[str]) -> bool:
        """Whether a variable for these locations is for a denied one. SECURITY: what is for all of them runs in that one's code too."""
        return any(map(self._is_denied, locations)) if locations else bool(self._denied)

    def _is_denied(self, name: str) -> bool:
        return name in self._denied

    @property
    def _denied(self) -> set[str]:
        return {target.value for target in self.access.rights.hidden if target.kind == TargetKind.LOCATION}

    def _on(self, name: str, permission: Permission) -> bool:
        return any(
            target.kind == TargetKind.LOCATION and target.value == name and permission in permissions
            for target, permissions in self.access.rights.on_parts
        )
