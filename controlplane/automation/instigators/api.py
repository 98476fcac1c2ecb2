"""REST: schedules and sensors: list, look at, turn on and off, leave to the code, set a cursor. Their ticks: ticks/api.py."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.instigators import selectors, services
from controlplane.automation.instigators.http import (
    CHANGE,
    READ,
    SERIALIZERS,
    InstigatorAPIView,
    KindAPIView,
    of_each_kind,
)
from controlplane.automation.instigators.serializers import (
    ChangedSerializer,
    CursorSerializer,
    InstigatorQuerySerializer,
    SensorSerializer,
    StartSerializer,
)
from controlplane.automation.models import Instigator, InstigatorKind
from tenants.http import valid_body, valid_query
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import read_scope

_LIST: list[Any] = [InstigatorQuerySerializer, *PAGE_PARAMETERS]
_MANY: dict[str, Any] = {"request": InstigatorQuerySerializer, "responses": ChangedSerializer}


class _ListView(KindAPIView):
    permissions: ClassVar[dict[str, Permission]] = READ

    def get(self, request: Request) -> Response:
        """All of the deployment that you may see, by code location and name."""
        asked = valid_query(InstigatorQuerySerializer, request)
        with read_scope(self.org_id):
            rows = selectors.rows(self.visible, InstigatorQuerySerializer.filter(self.kind, asked))
            page = page_of_rows(rows, page_request(request), by=["location_name", "name"])
        shown = Page(selectors.views(self.visible, page.results), page.cursor, page.more)
        return page_response(request, shown, SERIALIZERS[self.kind])


SchedulesView, SensorsView = of_each_kind(_ListView, "list_{kind}s", parameters=_LIST, in_answer=page_schema)


class _OneView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = READ

    def get(self, request: Request) -> Response:
        """One by its code location and name."""
        return self.answer(self.row)


ScheduleView, SensorView = of_each_kind(_OneView, "get_{kind}")


class _StartView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Turn it on: until somebody turns it off, or for so many minutes or ticks."""
        asked = valid_body(StartSerializer, request)
        minutes, ticks = asked["minutes"], asked["ticks"]
        actor = self.access.actor
        if minutes is None and ticks is None:
            return self.answer(services.start(self.visible, self.row, actor=actor))
        return self.answer(services.start_for(self.visible, self.row, minutes=minutes, ticks=ticks, actor=actor))


StartScheduleView, StartSensorView = of_each_kind(_StartView, "start_{kind}", request=StartSerializer)


class _StopView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Turn it off, whatever its code says. A tick that is being evaluated is not taken."""
        return self.answer(services.stop(self.visible, self.row, actor=self.access.actor))


StopScheduleView, StopSensorView = of_each_kind(_StopView, "stop_{kind}", request=None)


class _ResetView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Leave it to the code again, which says whether it runs; in a branch deployment it does not."""
        return self.answer(services.reset(self.visible, self.row, actor=self.access.actor))


ResetScheduleView, ResetSensorView = of_each_kind(_ResetView, "reset_{kind}", request=None)


class SensorCursorView(InstigatorAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"PUT": Permission.SENSOR_CURSOR_WRITE}
    kind = InstigatorKind.SENSOR

    @extend_schema(operation_id="set_sensor_cursor", request=CursorSerializer, responses=SensorSerializer)
    def put(self, request: Request) -> Response:
        """Let it go on from this cursor; null: as if it had never run."""
        asked = valid_body(CursorSerializer, request)
        cursor = asked["cursor"]
        return self.answer(services.set_cursor(self.visible, self.row, cursor=cursor, actor=self.access.actor))


class _ManyView(KindAPIView):
    def chosen(self, request: Request) -> list[Instigator]:
        """All that the filter in the body names."""
        asked = valid_body(InstigatorQuerySerializer, request)
        wanted = InstigatorQuerySerializer.filter(self.kind, asked)
        with read_scope(self.org_id):
            return list(selectors.rows(self.visible, wanted).order_by("location_name", "name"))


class _StartManyView(_ManyView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Turn on all that the filter names, of those that their code defines; an empty filter names all that you may see."""
        changed = services.start_all(self.visible, self.chosen(request), actor=self.access.actor)
        return Response({"changed": len(changed)})


StartSchedulesView, StartSensorsView = of_each_kind(_StartManyView, "start_{kind}s", **_MANY)


class _StopManyView(_ManyView):
    permissions: ClassVar[dict[str, Permission]] = CHANGE

    def post(self, request: Request) -> Response:
        """Turn off all that the filter names; an empty filter names all that you may see."""
        changed = services.stop_all(self.visible, self.chosen(request), actor=self.access.actor)
        return Response({"changed": len(changed)})


StopSchedulesView, StopSensorsView = of_each_kind(_StopManyView, "stop_{kind}s", **_MANY)
