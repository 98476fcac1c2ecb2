"""REST: events about assets that happened outside of any run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.external.reports.reporting import report_as
from controlplane.external.reports.serializers import ReportEventsSerializer, StoredReportsSerializer
from controlplane.external.reports.services import EVENTS_MAX
from controlplane.external.reports.values import AssetReport, ReportKind, report
from tenants.errors import InvalidError
from tenants.permissions import Permission

_KEY_CHARS = 150
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Yours: the same request with the same key is stored once, for 7 days. Stands for an `id` of each event.",
)


class ReportEventsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ASSET_REPORT}
    # It asks Redis how much may be sent.
    in_one_scope = False

    @extend_schema(
        operation_id="report_asset_events",
        parameters=[_IDEMPOTENCY_KEY],
        request=ReportEventsSerializer,
        responses={201: StoredReportsSerializer},
    )
    def post(self, request: Request) -> Response:
        """Report materializations, observations and evaluations of checks: all are stored, or none."""
        reports = _reports(request.data, request.headers.get("Idempotency-Key", ""))
        stored = report_as(self.visible, reports, actor=self.access.actor)
        return Response(StoredReportsSerializer({"events": stored}).data, status=status.HTTP_201_CREATED)


def _reports(body: Any, key: str) -> list[AssetReport]:
    events = body.get("events") if isinstance(body, Mapping) else None
    if not isinstance(events, list):
        raise InvalidError("Send a JSON object with a list of events.", attr="events")
    if len(events) > EVENTS_MAX:
        raise InvalidError(f"1 to {EVENTS_MAX} events are reported at once; these are {len(events)}.", attr="events")
    if len(key) > _KEY_CHARS:
        raise InvalidError(f"An Idempotency-Key has at most {_KEY_CHARS} characters.", attr="Idempotency-Key")
    found = [_report(place, event) for place, event in enumerate(events)]
    # An id of our own making has a place of its own: no sender's id can hold a tab, for it is text of one line.
    return [one if one.id or not key else replace(one, id=f"key\t{key}\t{place}") for place, one in enumerate(found)]


def _report(place: int, event: Any) -> AssetReport:
    try:
        return report(_kind(event), asset=event.get("asset"), given=event)
    except InvalidError as error:
        field = f".{error.attr}" if error.attr else ""
        raise InvalidError(error.message, attr=f"events.{place}{field}") from error


def _kind(event: Any) -> ReportKind:
    if not isinstance(event, Mapping):
        raise InvalidError("An event is a JSON object.")
    if event.get("type") not in list(ReportKind):
        raise InvalidError(f"type is one of {', '.join(ReportKind)}.", attr="type")
    return ReportKind(event["type"])
