"""What the endpoints of schedules and those of sensors share: each is written once, for both kinds."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from controlplane.automation.instigators import selectors
from controlplane.automation.instigators.serializers import InstigatorSerializer, ScheduleSerializer, SensorSerializer
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.deployments.http import DeploymentAPIView
from tenants.permissions import Permission

READ: dict[str, Permission] = {"GET": Permission.JOB_READ}
# Of what is yet of no kind; `of_each_kind` puts the right of its kind there.
CHANGE: dict[str, Permission] = {"POST": Permission.SCHEDULE_WRITE}
_CHANGE_OF_KIND = {
    InstigatorKind.SCHEDULE: CHANGE,
    InstigatorKind.SENSOR: {"POST": Permission.SENSOR_WRITE},
}
SERIALIZERS: dict[InstigatorKind, type[InstigatorSerializer]] = {
    InstigatorKind.SCHEDULE: ScheduleSerializer,
    InstigatorKind.SENSOR: SensorSerializer,
}


class KindAPIView(DeploymentAPIView):
    """About schedules, or about sensors."""

    kind: ClassVar[InstigatorKind]


class InstigatorAPIView(KindAPIView):
    """About one of a kind: handlers find what the address names in `self.row`; what is not seen was a 404."""

    row: Instigator

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.row = selectors.instigator(self.visible, self.kind, kwargs.pop("location"), kwargs.pop("name"))

    def answer(self, row: Instigator) -> Response:
        """The instigator as it is now."""
        return Response(SERIALIZERS[self.kind](selectors.view(self.visible, row)).data)


def of_each_kind(
    view: type[KindAPIView],
    operation_id: str,
    *,
    in_answer: Callable[[type[InstigatorSerializer]], Any] = lambda one: one,
    **schema: Any,
) -> tuple[type[KindAPIView], type[KindAPIView]]:
    """The endpoint of schedules and that of sensors, which differ in the right to change them and in their documentation.

    `view` has one handler. `{kind}` in `operation_id` stands for the kind. Unless `schema` says what is answered, it is the kind itself,
    as `in_answer` wraps it.
    """
    [method] = view.permissions

    def of(kind: InstigatorKind) -> type[KindAPIView]:
        rights = _CHANGE_OF_KIND[kind] if view.permissions is CHANGE else view.permissions
        own = {"kind": kind, "permissions": rights, "__module__": view.__module__}
        made = type(f"{kind.label}{view.__name__.lstrip('_')}", (view,), own)
        described = {"responses": in_answer(SERIALIZERS[kind]), **schema}
        documented = extend_schema(operation_id=operation_id.format(kind=kind.value), **described)
        return extend_schema_view(**{method.lower(): documented})(made)

    return of(InstigatorKind.SCHEDULE), of(InstigatorKind.SENSOR)
