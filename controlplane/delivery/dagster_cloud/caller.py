"""Who asks, for which organization and deployment; every operation gets one."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.deployments import selectors
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import Visible, visible_to
from tenants.access import Access
from tenants.errors import InvalidError

_NO_DEPLOYMENT = (
    "Say which deployment: with --deployment, with DAGSTER_CLOUD_DEPLOYMENT, or as the last part of DAGSTER_CLOUD_URL."
)


@dataclass(frozen=True)
class Here:
    """The deployment that a request names, within the rights of the caller there."""

    deployment: Deployment
    access: Access
    visible: Visible


@dataclass(frozen=True)
class Caller:
    """`access` is to the organization. `idempotency_key` is what the client sends with each attempt of one and the same change."""

    access: Access
    entered: Here | None = None
    idempotency_key: str = ""

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @property
    def here(self) -> Here:
        """The deployment that the request names; InvalidError when it names none."""
        if self.entered is None:
            raise InvalidError(_NO_DEPLOYMENT)
        return self.entered


def here(access: Access, name: str) -> Here:
    """The deployment of this name; NotFoundError when there is none that the caller may enter."""
    deployment = selectors.deployment(access.org.id, name)
    return Here(deployment, access.at(deployment.place), visible_to(access, deployment))
