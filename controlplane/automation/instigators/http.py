"""The base of the endpoints of one schedule or sensor: handlers find what the address names in `self.row`."""

from typing import Any, ClassVar

from rest_framework.response import Response

from controlplane.automation.instigators import selectors
from controlplane.automation.instigators.serializers import InstigatorSerializer, ScheduleSerializer, SensorSerializer
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.deployments.http import DeploymentAPIView

SERIALIZERS: dict[InstigatorKind, type[InstigatorSerializer]] = {
    InstigatorKind.SCHEDULE: ScheduleSerializer,
    InstigatorKind.SENSOR: SensorSerializer,
}


class InstigatorAPIView(DeploymentAPIView):
    """Of one kind; what is not seen was a 404."""

    kind: ClassVar[InstigatorKind]
    row: Instigator

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.row = selectors.instigator(self.visible, self.kind, kwargs.pop("location"), kwargs.pop("name"))

    def answer(self, row: Instigator) -> Response:
        """The instigator as it is now."""
        return Response(SERIALIZERS[self.kind](selectors.view(self.visible, row)).data)
