"""A deployment as one caller sees it. Every selector and page of what is in a deployment takes a `Visible`, never bare ids.

What is hidden is absent: a lookup of it is a NotFoundError in the words of one that does not exist. What is seen but may not be acted
upon is a ForbiddenError that names the right and the part. docs/visibility.md has the rules in words.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import QuerySet

from controlplane.deployments import selectors
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.filtered_definitions import filtered
from controlplane.deployments.models import CodeLocation, Deployment, LocationVersion
from controlplane.deployments.parts import EVERYTHING, NOTHING, Part, Rule, part_of
from tenants.access import Access
from tenants.errors import ForbiddenError, NotFoundError
from tenants.grants import Rights, Target
from tenants.models import TargetKind
from tenants.permissions import OF_DEPLOYMENTS, Permission


@dataclass(frozen=True)
class DuplicateAsset:
    """An asset that several code locations can materialize: the one that is shown and automated, and the others."""

    asset: str
    location: str
    also_defined_in: tuple[str, ...]


# In place of a hash that the caller may not know. No archive has it: what was shown cannot be deployed by mistake.
HIDDEN_ARCHIVE = "hidden"


@dataclass(frozen=True)
class Visible:
    """One deployment within the rights of one caller. What it has read stays as it was read: make one per request."""

    org_id: UUID
    deployment_id: UUID
    rights: Rights

    @cached_property
    def whole(self) -> DeploymentDefinitions:
        """The unfiltered definitions, for decisions about what may be done. SECURITY: never shown."""
        return selectors.definitions(self.org_id, self.deployment_id)

    def part(self, permission: Permission) -> Part:
        """What the caller holds this right on."""
        return self._part({permission})

    @cached_property
    def known(self) -> Part:
        """What the caller may know of: where they hold any right at all."""
        return self._part(OF_DEPLOYMENTS)

    def _part(self, permissions: Collection[Permission]) -> Part:
        everywhere = not self.rights.everywhere.isdisjoint(permissions)
        if everywhere and not self.rights.hidden:
            return EVERYTHING
        granted = frozenset(
            target for target, held in self.rights.on_parts if not everywhere and not held.isdisjoint(permissions)
        )
        rule = Rule(everywhere, granted, hidden=frozenset(self.rights.hidden), owner_names=self._owner_names)
        return NOTHING if rule.covers_nothing else part_of(self.whole, rule)

    @cached_property
    def _owner_names(self) -> frozenset[str]:
        """None where no rule asks for them, so that people with the same rules share what is kept for these."""
        targets = [*self.rights.hidden, *(target for target, _held in self.rights.on_parts)]
        return self.rights.owner_names if Target(TargetKind.OWNED) in targets else frozenset()

    def definitions(self, permission: Permission) -> DeploymentDefinitions:
        """What the code defines, as far as the caller holds this right on it."""
        return filtered(self.whole, self.part(permission))

    @property
    def known_definitions(self) -> DeploymentDefinitions:
        """What the code defines, as far as the caller may know of it."""
        return filtered(self.whole, self.known)

    def code_locations(self) -> list[CodeLocation]:
        """The code locations with their desired and current versions, by name."""
        part = self.part(Permission.LOCATION_READ)
        found = selectors.code_locations(self.org_id, self.deployment_id)
        return [self._shown(row) for row in found if part.has_location(row.name)]

    def duplicates(self, location: str = "") -> list[DuplicateAsset]:
        """Assets that several locations can materialize, by key: all that the caller may read, or those of one location."""
        graph = self.definitions(Permission.ASSET_READ).graph
        found = [
            DuplicateAsset(key, graph.nodes[key].location, others) for key, others in sorted(graph.duplicates.items())
        ]
        return [one for one in found if not location or location in {one.location, *one.also_defined_in}]

    def location(self, name: str) -> CodeLocation:
        """One code location with its versions; NotFoundError when there is none."""
        found = selectors.location(self.org_id, self.deployment_id, name)
        if not self.part(Permission.LOCATION_READ).has_location(name):
            raise selectors.no_location(name)
        return self._shown(found)

    def versions(self, location: CodeLocation) -> QuerySet[LocationVersion]:
        """Every version of a location, the newest first; read it inside org_scope and show what `shown` makes of each."""
        return selectors.versions(self.org_id, location.id)

    def shown(self, name: str, version: LocationVersion) -> LocationVersion:
        """A version of the location of this name without what tells of its hidden parts: how many there are, and, for whoever sees
        only some assets of it, why it did not load. It is not to be saved, or deployed.
        """
        if version.source_sha256 and not self.permits(Permission.LOCATION_WRITE, location=name):
            # SECURITY: by its hash an archive can be deployed elsewhere, and so be read.
            version.source_sha256 = HIDDEN_ARCHIVE
        part = self.part(Permission.LOCATION_READ)
        if part.is_everything:
            return version
        version.counts = self._counts(name) if version.manifest_sha256 == self._served(name) else {}
        if version.error and not part.has_whole_location(name):
            version.error = {"message": "Why is told to people who may see all of this code location."}
        return version

    def _shown(self, location: CodeLocation) -> CodeLocation:
        for version in (location.desired, location.current):
            if version is not None:
                self.shown(location.name, version)
        return location

    def _served(self, name: str) -> str | None:
        found = self.whole.by_location.get(name)
        return found.version.manifest_sha256 if found else None

    def _counts(self, name: str) -> dict[str, int]:
        manifest = self.definitions(Permission.LOCATION_READ).location(name).manifest
        return {
            "assets": len(manifest.assets),
            "checks": len(manifest.checks),
            "jobs": len(manifest.jobs),
            "schedules": len(manifest.schedules),
            "sensors": len(manifest.sensors),
            "resources": len(manifest.resources),
            "partitions_definitions": len(manifest.partitions_definitions),
        }

    def permits(self, permission: Permission, *, location: str | None = None, assets: Iterable[str] = ()) -> bool:
        """Whether the caller holds the right on this location as a whole, and on each of these assets; with neither, on all of the
        deployment.
        """
        part, keys = self.part(permission), list(assets)
        if location is None and not keys:
            return permission in self.rights.everywhere
        return (location is None or part.has_whole_location(location)) and all(part.has_asset(key) for key in keys)

    def permits_some(self, permission: Permission, assets: Iterable[str]) -> bool:
        """Whether the caller holds the right on any of these assets."""
        part = self.part(permission)
        return any(part.has_asset(key) for key in assets)

    def require(self, permission: Permission, *, location: str | None = None, assets: Iterable[str] = ()) -> None:
        """As `permits`: NotFoundError about what the caller may not know of, ForbiddenError about the rest."""
        keys = list(assets)
        if self.permits(permission, location=location, assets=keys):
            return
        if location is not None and not self.known.has_location(location):
            raise selectors.no_location(location)
        unknown = [key for key in keys if not self.known.has_asset(key)]
        if unknown:
            raise NotFoundError(f"There is no asset {unknown[0]} in this deployment.")
        raise ForbiddenError(f"This needs the permission {permission} on {self._missing(permission, location, keys)}.")

    def require_on_all(self, permission: Permission) -> None:
        """ForbiddenError unless the caller holds the right on all of the deployment, with nothing hidden: for what touches what they
        do not name.
        """
        if not self.part(permission).is_everything:
            raise ForbiddenError(f"This needs the permission {permission} on all of the deployment.")

    def _missing(self, permission: Permission, location: str | None, assets: list[str]) -> str:
        part = self.part(permission)
        if location is not None and not part.has_whole_location(location):
            return f"the code location {location}"
        missing = [key for key in assets if not part.has_asset(key)]
        return f"the asset {missing[0]}" if missing else "all of the deployment"


_ALL = Rights(everywhere=OF_DEPLOYMENTS)


def visible_to(access: Access, deployment: Deployment) -> Visible:
    """The deployment within the rights that the access has there."""
    return Visible(access.org.id, deployment.id, access.at(deployment.place).rights)


def all_of(org_id: UUID, deployment_id: UUID) -> Visible:
    """All of a deployment, for what no person asks for: agents, user code through its run, jobs of ours."""
    return Visible(org_id, deployment_id, _ALL)


def visible_deployments(access: Access) -> dict[UUID, Visible]:
    """Every deployment that the caller may enter, by id, within their rights there."""
    return {found.id: visible_to(access, found) for found in selectors.deployments_for(access)}


def hidden_versions(access: Access, version_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the versions, in whatever deployment, of whose code locations the caller may not know. Deleted ones have no name to hide."""
    found, deployments = selectors.versions_by_id(access.org.id, version_ids), visible_deployments(access)

    def knows(location: CodeLocation) -> bool:
        visible = deployments.get(location.deployment_id)
        return visible is not None and visible.part(Permission.LOCATION_READ).has_location(location.name)

    return {version_id for version_id, version in found.items() if not knows(version.location)}
