"""REST: a run's events and steps."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.runs import event_selectors, step_selectors
from controlplane.runs.http import RunAPIView
from controlplane.runs.models import RunEvent
from controlplane.runs.serializers import (
    AttemptQuerySerializer,
    EventQuerySerializer,
    RunEventSerializer,
    StepSerializer,
)
from tenants.http import valid_query
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_of_sequence, page_request, page_response, page_schema
from tenants.permissions import Permission


class EventsView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(
        operation_id="list_run_events",
        parameters=[EventQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(RunEventSerializer),
    )
    def get(self, request: Request) -> Response:
        """The run's events in their order. To follow a run, ask again with `after=<seq of the last one>`."""
        asked = valid_query(EventQuerySerializer, request)
        page = page_of_rows(self._rows(asked), page_request(request), by=["attempt", "seq"])
        for event in page.results:
            event_selectors.without_hidden_inputs(self.visible, event)
        return page_response(request, page, RunEventSerializer)

    def _rows(self, asked: dict[str, Any]) -> QuerySet[RunEvent]:
        rows = event_selectors.filtered(self.org_id, self.run.id, EventQuerySerializer.filter(asked))
        return rows.filter(seq__gt=asked["after"]) if "after" in asked else rows


class StepsView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(
        operation_id="list_run_steps",
        parameters=[AttemptQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(StepSerializer),
    )
    def get(self, request: Request) -> Response:
        """The steps of an attempt, in the order of the plan."""
        asked = valid_query(AttemptQuerySerializer, request)
        found = step_selectors.steps(self.org_id, self.run.id, asked.get("attempt"))
        page = page_of_sequence(lambda offset, limit: found[offset : offset + limit], page_request(request))
        return page_response(request, page, StepSerializer)
