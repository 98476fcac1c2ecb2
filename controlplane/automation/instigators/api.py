"""REST: schedules and sensors: list, look at, turn on and off, leave to the code, set a cursor. Their ticks: ticks/api.py."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.instigators import selectors, services
from controlplane.automation.instigators.http import SERIALIZERS, InstigatorAPIView
from controlplane.automation.instigators.serializers import (
    ChangedSerializer,
    CursorSerializer,
    InstigatorQuerySerializer,
    ScheduleSerializer,
    SensorSerializer,
    StartSerializer,
)
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.deployments.http import DeploymentAPIView
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import read_scope

_READ: dict[str, Permission] = {"GET": Permission.JOB_READ}
_WRITE_SCHEDULE: dict[str, Permission] = {"POST": Permission.SCHEDULE_WRITE}
_WRITE_SENSOR: dict[str, Permission] = {"POST": Permission.SENSOR_WRITE}
# The classes whose names begin with _ hold what both kinds share; each kind of them says its own right.
_SCHEDULE, _SENSOR = InstigatorKind.SCHEDULE, InstigatorKind.SENSOR
_LIST: list[Any] = [InstigatorQuerySerializer, *PAGE_PARAMETERS]


class _ListView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind: ClassVar[InstigatorKind]

    def get(self, request: Request) -> Response:
        """All of the deployment that you may see, by code location and name."""
        asked = InstigatorQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        with read_scope(self.org_id):
            rows = selectors.rows(self.visible, InstigatorQuerySerializer.filter(self.kind, asked.validated_data))
            page = page_of_rows(rows, page_request(request), by=["location_name", "name"])
        shown = Page(selectors.views(self.visible, page.results), page.cursor, page.more)
        return page_response(request, shown, SERIALIZERS[self.kind])


@extend_schema_view(
    get=extend_schema(operation_id="list_schedules", parameters=_LIST, responses=page_schema(ScheduleSerializer))
)
class SchedulesView(_ListView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SCHEDULE


@extend_schema_view(
    get=extend_schema(operation_id="list_sensors", parameters=_LIST, responses=page_schema(SensorSerializer))
)
class SensorsView(_ListView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SENSOR


class _OneView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _READ

    def get(self, request: Request) -> Response:
        """One by its code location and name."""
        return self.answer(self.row)


@extend_schema_view(get=extend_schema(operation_id="get_schedule", responses=ScheduleSerializer))
class ScheduleView(_OneView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SCHEDULE


@extend_schema_view(get=extend_schema(operation_id="get_sensor", responses=SensorSerializer))
class SensorView(_OneView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SENSOR


class _StartView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Turn it on: until somebody turns it off, or for so many minutes or ticks."""
        asked = StartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        minutes, ticks = asked.validated_data["minutes"], asked.validated_data["ticks"]
        actor = self.access.actor
        if minutes is None and ticks is None:
            return self.answer(services.start(self.visible, self.row, actor=actor))
        return self.answer(services.start_for(self.visible, self.row, minutes=minutes, ticks=ticks, actor=actor))


@extend_schema_view(
    post=extend_schema(operation_id="start_schedule", request=StartSerializer, responses=ScheduleSerializer)
)
class StartScheduleView(_StartView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(
    post=extend_schema(operation_id="start_sensor", request=StartSerializer, responses=SensorSerializer)
)
class StartSensorView(_StartView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


class _StopView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Turn it off, whatever its code says. A tick that is being evaluated is not taken."""
        return self.answer(services.stop(self.visible, self.row, actor=self.access.actor))


@extend_schema_view(post=extend_schema(operation_id="stop_schedule", request=None, responses=ScheduleSerializer))
class StopScheduleView(_StopView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="stop_sensor", request=None, responses=SensorSerializer))
class StopSensorView(_StopView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


class _ResetView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Leave it to the code again, which says whether it runs; in a branch deployment it does not."""
        return self.answer(services.reset(self.visible, self.row, actor=self.access.actor))


@extend_schema_view(post=extend_schema(operation_id="reset_schedule", request=None, responses=ScheduleSerializer))
class ResetScheduleView(_ResetView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="reset_sensor", request=None, responses=SensorSerializer))
class ResetSensorView(_ResetView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


class SensorCursorView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"PUT": Permission.SENSOR_CURSOR_WRITE}
    kind = _SENSOR

    @extend_schema(operation_id="set_sensor_cursor", request=CursorSerializer, responses=SensorSerializer)
    def put(self, request: Request) -> Response:
        """Let it go on from this cursor; null: as if it had never run."""
        asked = CursorSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        cursor = asked.validated_data["cursor"]
        return self.answer(services.set_cursor(self.visible, self.row, cursor=cursor, actor=self.access.actor))


class _ManyView(DeploymentAPIView):
    kind: ClassVar[InstigatorKind]

    def chosen(self, request: Request) -> list[Instigator]:
        """All that the filter in the body names."""
        asked = InstigatorQuerySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = InstigatorQuerySerializer.filter(self.kind, asked.validated_data)
        with read_scope(self.org_id):
            return list(selectors.rows(self.visible, wanted).order_by("location_name", "name"))


class _StartManyView(_ManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Turn on all that the filter names, of those that their code defines; an empty filter names all that you may see."""
        changed = services.start_all(self.visible, self.chosen(request), actor=self.access.actor)
        return Response({"changed": len(changed)})


class _StopManyView(_ManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Turn off all that the filter names; an empty filter names all that you may see."""
        changed = services.stop_all(self.visible, self.chosen(request), actor=self.access.actor)
        return Response({"changed": len(changed)})


_MANY: dict[str, Any] = {"request": InstigatorQuerySerializer, "responses": ChangedSerializer}


@extend_schema_view(post=extend_schema(operation_id="start_schedules", **_MANY))
class StartSchedulesView(_StartManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="stop_schedules", **_MANY))
class StopSchedulesView(_StopManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="start_sensors", **_MANY))
class StartSensorsView(_StartManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


@extend_schema_view(post=extend_schema(operation_id="stop_sensors", **_MANY))
class StopSensorsView(_StopManyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR
