"""What an organization has deployed: deployments, code locations, and the definitions that serve now.

SECURITY: what is in a deployment is unfiltered here. What people see goes through visibility.py.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from controlplane.definitions import selectors as stored
from controlplane.deployments.current_definitions import DeploymentDefinitions, LocationDefinitions
from controlplane.deployments.models import CodeLocation, Deployment, LocationVersion
from tenants.access import Access
from tenants.errors import NotFoundError
from tenants.scoping import read_scope


def deployments(org_id: UUID) -> list[Deployment]:
    """All deployments, by name."""
    with read_scope(org_id):
        return list(Deployment.objects.for_org(org_id).order_by("name"))


def deployments_for(access: Access) -> list[Deployment]:
    """The deployments that the caller may enter, by name."""
    return [found for found in deployments(access.org.id) if access.may_enter(found.place)]


def deployments_to_name(access: Access) -> list[Deployment]:
    """As `deployments_for`, for who only names them: without the documents of each, which hundreds of branches make long to read."""
    with read_scope(access.org.id):
        rows = Deployment.objects.for_org(access.org.id).defer("protection", "protection_override", "settings")
        return [found for found in rows.order_by("name") if access.may_enter(found.place)]


def deployment(org_id: UUID, name: str) -> Deployment:
    """One deployment by name; NotFoundError when there is none."""
    with read_scope(org_id):
        found = Deployment.objects.for_org(org_id).filter(name=name).first()
    if found is None:
        raise NotFoundError(f"There is no deployment called {name}.")
    return found


def code_locations(org_id: UUID, deployment_id: UUID) -> list[CodeLocation]:
    """The code locations with their desired and current versions, by name."""
    with read_scope(org_id):
        return list(_locations(org_id).filter(deployment_id=deployment_id).order_by("name"))


def location(org_id: UUID, deployment_id: UUID, name: str) -> CodeLocation:
    """One code location with its versions; NotFoundError when there is none."""
    with read_scope(org_id):
        found = _locations(org_id).filter(deployment_id=deployment_id, name=name).first()
    if found is None:
        raise no_location(name)
    return found


def no_location(name: str) -> NotFoundError:
    """What is said of a code location that does not exist, and of one of which the caller may not know."""
    return NotFoundError(f"There is no code location {name} in this deployment.")


def versions(org_id: UUID, location_id: UUID) -> QuerySet[LocationVersion]:
    """Every version of a location, the newest first; read it inside org_scope."""
    return LocationVersion.objects.for_org(org_id).filter(location_id=location_id).order_by("-number")


def versions_by_id(org_id: UUID, version_ids: Iterable[UUID]) -> dict[UUID, LocationVersion]:
    """Versions with their location and deployment; those that were deleted are left out."""
    with read_scope(org_id):
        rows = LocationVersion.objects.for_org(org_id).filter(id__in=list(version_ids))
        return {row.id: row for row in rows.select_related("location", "location__deployment")}


def definitions(org_id: UUID, deployment_id: UUID) -> DeploymentDefinitions:
    """What the current versions of all code locations define."""
    found = {}
    rows = code_locations(org_id, deployment_id)
    for row in rows:
        if row.current is not None and row.current.manifest_sha256:
            manifest = stored.manifest(org_id, row.current.manifest_sha256)
            found[row.name] = LocationDefinitions(location=row, version=row.current, manifest=manifest)
    # Ids rise with time, and a location keeps its id for as long as it lives.
    order = tuple(row.name for row in sorted(rows, key=lambda row: row.id) if row.name in found)
    return DeploymentDefinitions(by_location=found, order=order)


def _locations(org_id: UUID) -> QuerySet[CodeLocation]:
    return CodeLocation.objects.for_org(org_id).select_related("desired", "current", "deployment")
