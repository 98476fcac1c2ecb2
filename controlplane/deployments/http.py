"""The base of every endpoint below `/api/v1/organizations/<org>/deployments/<deployment>/`."""

from typing import Any
from uuid import UUID

from controlplane.deployments import selectors
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import Visible, visible_to
from tenants.http import OrgAPIView


class DeploymentAPIView(OrgAPIView):
    """Handlers find the deployment that the address names in `self.deployment`; there is none, it was a 404.

    What is in it they read through `self.visible`: only what the caller may see.
    """

    deployment: Deployment
    visible: Visible

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.deployment = selectors.deployment(self.access.org.id, kwargs.pop("deployment"))
        self.access = self.access.at(self.deployment.place)
        self.visible = visible_to(self.access, self.deployment)

    @property
    def org_id(self) -> UUID:
        return self.access.org.id
