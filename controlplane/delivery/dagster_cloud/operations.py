"""Which function answers which field, and what is said of fields that there will not be."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.delivery.dagster_cloud import deployment, runs, settings, workspace

QUERIES: Mapping[str, Callable[..., Any]] = {
    "fullDeployments": deployment.full_deployments,
    "currentDeployment": deployment.current,
    "deploymentByName": deployment.by_name,
    "getBranchDeploymentName": deployment.branch_name,
    "agents": workspace.agents,
    "workspace": workspace.workspace,
    "workspaceOrError": workspace.workspace_or_error,
    "locationsAsDocument": workspace.locations_as_document,
    "deploymentSettings": settings.deployment_settings,
    "runOrError": runs.run_or_error,
}
MUTATIONS: Mapping[str, Callable[..., Any]] = {
    "addOrUpdateLocationFromDocument": workspace.add_or_update,
    "deleteLocation": workspace.delete,
    "reconcileLocationsFromDocument": workspace.reconcile,
    "deployLocations": workspace.deploy,
    "setDeploymentSettings": settings.set_deployment_settings,
    "createOrUpdateBranchDeployment": deployment.create_or_update_branch,
    "deleteDeployment": deployment.delete,
    "launchRun": runs.launch,
    "markCliEvent": runs.mark_cli_event,
}
# They hold locks only as long as each of their steps takes: no transaction around them.
IN_STEPS = frozenset({"createOrUpdateBranchDeployment", "deleteDeployment"})

_ALERTS = "Alert policies are not kept here in the form of this client."
_ATLAN = "There is no Atlan integration here."
_ORGANIZATION_SETTINGS = (
    "The settings of an organization are changed on its pages and with the REST API; they have no document here."
)
REFUSED: Mapping[str, str] = {
    "serverless": "Nothing is built or run by us: agents of yours do that. Build the image yourself, or deploy the files.",
    "organizationSettings": _ORGANIZATION_SETTINGS,
    "setOrganizationSettings": _ORGANIZATION_SETTINGS,
    "alertPoliciesAsDocumentOrError": _ALERTS,
    "reconcileAlertPoliciesFromDocument": _ALERTS,
    "atlanIntegration": _ATLAN,
    "setAtlanIntegrationSettings": _ATLAN,
    "deleteAtlanIntegrationSettings": _ATLAN,
}


def why_not(field: str) -> str:
    """What is said of a field that is not answered."""
    known = ", ".join(sorted((*QUERIES, *MUTATIONS)))
    reason = REFUSED.get(field, "There is no such operation here.")
    return f"{field}: {reason} What is answered: {known}. docs/dagster-cloud-cli.md says which commands that are."
