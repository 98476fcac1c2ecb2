"""REST: ticks: of one schedule or sensor, of a deployment; one by hand; a test, and its outcome applied."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.instigators.http import CHANGE, READ, InstigatorAPIView, of_each_kind
from controlplane.automation.models import Tick
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
from tenants.http import valid_body, valid_query
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import read_scope

_LIST: dict[str, Any] = {
    "parameters": [TickQuerySerializer, *PAGE_PARAMETERS],
    "responses": page_schema(TickSerializer),
}
_MADE = {201: TickSerializer}


def _wanted(request: Request) -> selectors.TickFilter:
    asked = valid_query(TickQuerySerializer, request)
    return TickQuerySerializer.filter(asked)


def _made(tick: Tick) -> Response:
    return Response(TickSerializer(tick).data, status=status.HTTP_201_CREATED)


def _page(visible: Visible, request: Request, page: Page[Tick]) -> Response:
    for tick in page.results:
        selectors.shown(visible, tick)
    return page_response(request, page, TickSerializer)


class TicksView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = READ

    @extend_schema(operation_id="list_ticks", **_LIST)
    def get(self, request: Request) -> Response:
        """The ticks of all schedules and sensors of the deployment, the newest first."""
        with read_scope(self.org_id):
            rows = selectors.ticks_of_deployment(self.visible, _wanted(request))
            page = page_of_rows(rows, page_request(request), by=["-id"], read_from=selectors.without_log(self.org_id))
        return _page(self.visible, request, page)


class TickView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = READ

    @extend_schema(operation_id="get_tick", responses=TickDocumentSerializer)
    def get(self, request: Request, tick_id: UUID) -> Response:
        """One tick with its log and the runs that it asked for."""
        return Response(TickDetailSerializer(selectors.tick(self.visible, tick_id)).data)


class _TicksOfOneView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = READ

    def get(self, request: Request) -> Response:
        """Its ticks, the newest first."""
        with read_scope(self.org_id):
            rows = selectors.ticks(self.visible, self.row, _wanted(request))
            page = page_of_rows(rows, page_request(request), by=["-id"], read_from=selectors.without_log(self.org_id))
        return _page(self.visible, request, page)


ScheduleTicksView, SensorTicksView = of_each_kind(_TicksOfOneView, "list_{kind}_ticks", **_LIST)


class _TickNowView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Evaluate it once now, whether it is on or not, and act on what comes of it: the tick, which goes on by itself."""
        return _made(by_hand.tick_now(self.visible, self.row, actor=self.access.actor))


TickScheduleView, TickSensorView = of_each_kind(_TickNowView, "tick_{kind}", request=None, responses=_MADE)


class _TestView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE
    waits_for_code = True
    in_one_scope = False

    def post(self, request: Request) -> Response:
        """What it would do: evaluated by its code, and stored nowhere. The answer's token applies exactly that."""
        given = valid_body(TestTickSerializer, request)
        found = by_hand.preview(
            self.visible,
            self.row,
            actor=self.access.actor,
            cursor=given.get("cursor"),
            use_cursor="cursor" in given,
            due=given["due"],
        )
        return Response(TickPreviewSerializer(found).data)


TestScheduleView, TestSensorView = of_each_kind(
    _TestView, "test_{kind}", request=TestTickSerializer, responses=TickPreviewSerializer
)


class _ApplyView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Do what a test showed: runs, cursor and dynamic partitions, as a tick of its own. Once, and not after it has ticked since."""
        asked = valid_body(ApplySerializer, request)
        token = asked["token"]
        return _made(by_hand.apply_preview(self.visible, token, actor=self.access.actor, row=self.row))


ApplyScheduleView, ApplySensorView = of_each_kind(
    _ApplyView, "apply_{kind}_test", request=ApplySerializer, responses=_MADE
)
