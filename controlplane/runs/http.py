"""The base of every endpoint below `…/runs/<run_id>/`."""

from typing import Any

from controlplane.deployments.http import DeploymentAPIView
from controlplane.runs import selectors
from controlplane.runs.models import Run
from tenants.errors import NotFoundError


class RunAPIView(DeploymentAPIView):
    """Handlers find the run that the address names in `self.run`; it is one of the deployment, or it was a 404."""

    run: Run

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.run = selectors.run(self.org_id, kwargs.pop("run_id"))
        if self.run.deployment_id != self.deployment.id:
            raise NotFoundError("There is no such run in this deployment.")
