"""How far the code locations of a branch deployment are on their way to being loaded."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.delivery.models import DeliveryState
from controlplane.deployments.models import CodeLocation, VersionState
from controlplane.deployments.selectors import code_locations


@dataclass(frozen=True)
class Progress:
    """The locations with their versions, by name, and what that makes of the whole."""

    locations: list[CodeLocation]

    @property
    def state(self) -> DeliveryState:
        states = {location.desired.state for location in self.locations if location.desired is not None}
        if states & {VersionState.PENDING, VersionState.LOADING}:
            return DeliveryState.LOADING
        return DeliveryState.FAILED if VersionState.FAILED in states else DeliveryState.READY


def of(org_id: UUID, deployment_id: UUID) -> Progress:
    """The progress now."""
    return Progress(code_locations(org_id, deployment_id))
