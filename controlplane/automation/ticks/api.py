"""REST: ticks: of one schedule or sensor, of a deployment; one by hand; a test, and its outcome applied."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.instigators.http import InstigatorAPIView
from controlplane.automation.models import InstigatorKind, Tick
from controlplane.automation.ticks import by_hand, selectors
from controlplane.automation.ticks.serializers import (
    ApplySerializer,
    TestTickSerializer,
    TickDetailSerializer,
    TickDocumentSerializer,
    TickPreviewSerializer,
    TickQuerySerializer,
    TickSerializer,
)
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.visibility import Visible
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import read_scope

_READ: dict[str, Permission] = {"GET": Permission.JOB_READ}
_WRITE_SCHEDULE: dict[str, Permission] = {"POST": Permission.SCHEDULE_WRITE}
_WRITE_SENSOR: dict[str, Permission] = {"POST": Permission.SENSOR_WRITE}
_SCHEDULE, _SENSOR = InstigatorKind.SCHEDULE, InstigatorKind.SENSOR
_LIST: dict[str, Any] = {
    "parameters": [TickQuerySerializer, *PAGE_PARAMETERS],
    "responses": page_schema(TickSerializer),
}


def _wanted(request: Request) -> selectors.TickFilter:
    asked = TickQuerySerializer(data=request.query_params)
    asked.is_valid(raise_exception=True)
    return TickQuerySerializer.filter(asked.validated_data)


def _made(tick: Tick) -> Response:
    return Response(TickSerializer(tick).data, status=status.HTTP_201_CREATED)


def _page(visible: Visible, request: Request, page: Page[Tick]) -> Response:
    for tick in page.results:
        selectors.shown(visible, tick)
    return page_response(request, page, TickSerializer)


class TicksView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = _READ

    @extend_schema(operation_id="list_ticks", **_LIST)
    def get(self, request: Request) -> Response:
        """The ticks of all schedules and sensors of the deployment, the newest first."""
        with read_scope(self.org_id):
            rows = selectors.ticks_of_deployment(self.visible, _wanted(request))
            page = page_of_rows(rows, page_request(request), by=["-id"], read_from=selectors.without_log(self.org_id))
        return _page(self.visible, request, page)


class TickView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = _READ

    @extend_schema(operation_id="get_tick", responses=TickDocumentSerializer)
    def get(self, request: Request, tick_id: UUID) -> Response:
        """One tick with its log and the runs that it asked for."""
        return Response(TickDetailSerializer(selectors.tick(self.visible, tick_id)).data)


class _TicksOfOneView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _READ

    def get(self, request: Request) -> Response:
        """Its ticks, the newest first."""
        with read_scope(self.org_id):
            rows = selectors.ticks(self.visible, self.row, _wanted(request))
            page = page_of_rows(rows, page_request(request), by=["-id"], read_from=selectors.without_log(self.org_id))
        return _page(self.visible, request, page)


@extend_schema_view(get=extend_schema(operation_id="list_schedule_ticks", **_LIST))
class ScheduleTicksView(_TicksOfOneView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SCHEDULE


@extend_schema_view(get=extend_schema(operation_id="list_sensor_ticks", **_LIST))
class SensorTicksView(_TicksOfOneView):
    permissions: ClassVar[dict[str, Permission]] = _READ
    kind = _SENSOR


class _TickNowView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Evaluate it once now, whether it is on or not, and act on what comes of it: the tick, which goes on by itself."""
        return _made(by_hand.tick_now(self.visible, self.row, actor=self.access.actor))


_NOW: dict[str, Any] = {"request": None, "responses": {201: TickSerializer}}


@extend_schema_view(post=extend_schema(operation_id="tick_schedule", **_NOW))
class TickScheduleView(_TickNowView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="tick_sensor", **_NOW))
class TickSensorView(_TickNowView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


class _TestView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    waits_for_code = True
    in_one_scope = False

    def post(self, request: Request) -> Response:
        """What it would do: evaluated by its code, and stored nowhere. The answer's token applies exactly that."""
        asked = TestTickSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        found = by_hand.preview(
            self.visible,
            self.row,
            actor=self.access.actor,
            cursor=given.get("cursor"),
            use_cursor="cursor" in given,
            due=given["due"],
        )
        return Response(TickPreviewSerializer(found).data)


_TEST: dict[str, Any] = {"request": TestTickSerializer, "responses": TickPreviewSerializer}


@extend_schema_view(post=extend_schema(operation_id="test_schedule", **_TEST))
class TestScheduleView(_TestView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="test_sensor", **_TEST))
class TestSensorView(_TestView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR


class _ApplyView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE

    def post(self, request: Request) -> Response:
        """Do what a test showed: runs, cursor and dynamic partitions, as a tick of its own. Once, and not after it has ticked since."""
        asked = ApplySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        token = asked.validated_data["token"]
        return _made(by_hand.apply_preview(self.visible, token, actor=self.access.actor, row=self.row))


_APPLY: dict[str, Any] = {"request": ApplySerializer, "responses": {201: TickSerializer}}


@extend_schema_view(post=extend_schema(operation_id="apply_schedule_test", **_APPLY))
class ApplyScheduleView(_ApplyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SCHEDULE
    kind = _SCHEDULE


@extend_schema_view(post=extend_schema(operation_id="apply_sensor_test", **_APPLY))
class ApplySensorView(_ApplyView):
    permissions: ClassVar[dict[str, Permission]] = _WRITE_SENSOR
    kind = _SENSOR
