"""Code locations: listed, added, synced, deleted; how far they have loaded, and the agents that load them."""

from collections.abc import Iterator
from typing import Any

from controlplane.delivery.dagster_cloud.caller import Caller
from controlplane.delivery.dagster_cloud.documents import (
    location_deploy,
    location_deploys,
    location_document,
    serialized_metadata,
)
from controlplane.delivery.dagster_cloud.errors import python_error
from controlplane.deployments import services
from controlplane.deployments.deploying import LocationDeploy, deploy_locations
from controlplane.deployments.models import CodeLocation, VersionState
from controlplane.fleet import selectors as fleet
from tenants.permissions import Permission


def agents(caller: Caller) -> list[dict[str, Any]]:
    """Every agent of the organization; the client waits until one of them runs."""
    caller.access.require(Permission.AGENT_READ)
    seen = fleet.as_seen(caller.access, fleet.agents(caller.org_id))
    return [{"status": "RUNNING" if view.is_working else "NOT_RUNNING", "errors": []} for view in seen]


def workspace(caller: Caller) -> dict[str, Any]:
    """What each code location is made of."""
    entries = [
        {"locationName": location.name, "serializedDeploymentMetadata": serialized_metadata(location)}
        for location in _readable(caller)
    ]
    return {"workspaceEntries": entries}


def workspace_or_error(caller: Caller) -> dict[str, Any]:
    """How far each code location has loaded."""
    return {"__typename": "Workspace", "locationEntries": [_entry(location) for location in _readable(caller)]}


def locations_as_document(caller: Caller) -> dict[str, Any]:
    """The code locations as `locations` of a file that deploys them."""
    return {"document": {"locations": [location_document(location) for location in _readable(caller)]}}


def add_or_update(caller: Caller, document: Any) -> dict[str, Any]:
    """Deploy one code location, which may be new."""
    deploy = location_deploy(document)
    _deploy(caller, [deploy])
    location = caller.here.visible.location(deploy.name)
    return {
        "__typename": "WorkspaceEntry",
        "locationName": deploy.name,
        "serializedDeploymentMetadata": serialized_metadata(location),
    }


def deploy(caller: Caller, document: Any) -> dict[str, Any]:
    """Deploy several, together or not at all; others stay as they are."""
    return _locations("DeployLocationsSuccess", _deploy(caller, location_deploys(document)))


def reconcile(caller: Caller, document: Any) -> dict[str, Any]:
    """Deploy these, and delete what is not among them."""
    return _locations("ReconcileLocationsSuccess", _deploy(caller, location_deploys(document), sync=True))


def delete(caller: Caller, location_name: str) -> dict[str, Any]:
    """Take one code location away."""
    here = caller.here
    here.visible.location(location_name)
    here.visible.require(Permission.LOCATION_WRITE, location=location_name)
    services.delete_location(
        org_id=caller.org_id, deployment_id=here.deployment.id, name=location_name, actor=here.access.actor
    )
    return {"__typename": "DeleteLocationSuccess", "locationName": location_name}


def _deploy(caller: Caller, deploys: list[LocationDeploy], *, sync: bool = False) -> list[str]:
    here = caller.here
    for one in deploys:
        here.visible.require(Permission.LOCATION_WRITE, location=one.name)
    if sync:
        # SECURITY: it deletes what the caller may not know of, too.
        here.visible.require_on_all(Permission.LOCATION_WRITE)
    deploy_locations(
        org_id=caller.org_id,
        deployment_id=here.deployment.id,
        deploys=deploys,
        actor=here.access.actor,
        sync=sync,
        sha=next((one.code.git_commit for one in deploys if one.code.git_commit), ""),
    )
    return [one.name for one in deploys]


def _locations(kind: str, names: list[str]) -> dict[str, Any]:
    return {"__typename": kind, "locations": [{"locationName": name} for name in names]}


def _readable(caller: Caller) -> Iterator[CodeLocation]:
    here = caller.here
    here.access.require(Permission.LOCATION_READ)
    yield from here.visible.code_locations()


def _entry(location: CodeLocation) -> dict[str, Any]:
    """The client takes LOADED for "nothing more will happen": it then looks whether an error is there."""
    version = location.desired
    is_settled = version is not None and version.state in {VersionState.LOADED, VersionState.FAILED}
    found: dict[str, Any] | None = {"__typename": "RepositoryLocation", "name": location.name} if is_settled else None
    if version is not None and version.state == VersionState.FAILED:
        found = python_error(version.error or {"message": "The agent gave no reason."})
    return {
        "name": location.name,
        "loadStatus": "LOADED" if is_settled else "LOADING",
        "locationOrLoadError": found,
    }
