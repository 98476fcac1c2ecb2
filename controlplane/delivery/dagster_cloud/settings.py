"""The settings document of a deployment."""

from typing import Any

from controlplane.delivery.dagster_cloud.caller import Caller
from controlplane.deployments.change_settings import set_settings
from tenants.permissions import Permission


def deployment_settings(caller: Caller) -> dict[str, Any]:
    """What is set; what is absent is the default."""
    here = caller.here
    here.access.require(Permission.DEPLOYMENT_READ)
    return _document(here.deployment.settings)


def set_deployment_settings(caller: Caller, deployment_settings: dict[str, Any]) -> dict[str, Any]:
    """Replace the whole document; InvalidError names the path of what has no effect here."""
    here = caller.here
    here.visible.require(Permission.DEPLOYMENT_WRITE)
    stored = set_settings(
        org_id=caller.org_id,
        deployment_id=here.deployment.id,
        document=deployment_settings["settings"],
        actor=here.access.actor,
    )
    return _document(stored)


def _document(settings: dict[str, Any]) -> dict[str, Any]:
    return {"__typename": "DeploymentSettings", "settings": settings}
