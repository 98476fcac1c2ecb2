"""The base of every endpoint below `/api/v1/organizations/<org>/deployments/<deployment>/`."""

from typing import Any
from uuid import UUID

from controlplane.deployments import selectors
from controlplane.deployments.models import Deployment
from tenants.http import OrgAPIView


class DeploymentAPIView(OrgAPIView):
    """Handlers find the deployment that the address names in `self.deployment`; there is none, it was a 404."""

    deployment: Deployment

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.deployment = selectors.deployment(self.access.org.id, kwargs.pop("deployment"))
        self.access = self.access.at(self.deployment.place)

    @property
    def org_id(self) -> UUID:
        return self.access.org.id
