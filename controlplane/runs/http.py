"""The base of every endpoint below `…/runs/<run_id>/`."""

from typing import Any

from controlplane.deployments.http import DeploymentAPIView
from controlplane.runs import selectors
from controlplane.runs.models import Run
from controlplane.runs.visible_runs import require_on_run


class RunAPIView(DeploymentAPIView):
    """Handlers find the run that the address names in `self.run`; it is one of the deployment, or it was a 404."""

    run: Run

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.run = selectors.run(self.visible, kwargs.pop("run_id"))
        require_on_run(self.visible, self.permission, self.run)
