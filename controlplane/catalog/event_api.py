"""REST: what happened to assets: materializations, observations, evaluations of checks."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog import selectors
from controlplane.catalog.api import asset_parameter
from controlplane.catalog.models import AssetEvent, AssetEventKind, CheckEvaluation
from controlplane.catalog.serializers import AssetEventSerializer, CheckEvaluationSerializer
from controlplane.deployments.http import DeploymentAPIView
from tenants.errors import InvalidError
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission

_OF = [
    OpenApiParameter("asset", str, description="The asset's key. Needed unless `run` is given."),
    OpenApiParameter("run", UUID, description="Only what this run did."),
]
_PARTITION = OpenApiParameter("partition", str, description="Only this partition.")


class HistoryAPIView(DeploymentAPIView):
    """Base of the histories: newest first."""

    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    def run_parameter(self, request: Request) -> UUID | None:
        """The `run` of the query, if there is one."""
        text = request.query_params.get("run")
        try:
            return UUID(text) if text else None
        except ValueError as error:
            raise InvalidError("run is the id of a run.", attr="run") from error

    def events(self, request: Request, kind: AssetEventKind) -> Response:
        """A page of the events of one kind."""
        page = page_of_rows(self._events(request, kind), page_request(request), by=["-id"])
        for event in page.results:
            event.tags = selectors.shown_tags(self.visible, event.tags)
        return page_response(request, page, AssetEventSerializer)

    def _events(self, request: Request, kind: AssetEventKind) -> QuerySet[AssetEvent]:
        partition, run_id = request.query_params.get("partition"), self.run_parameter(request)
        if run_id is None:
            read = {
                AssetEventKind.MATERIALIZATION: selectors.materializations,
                AssetEventKind.OBSERVATION: selectors.observations,
            }
            return read[kind](self.visible, asset_parameter(request), partition=partition)
        found = selectors.events_of_run(self.visible, run_id).filter(kind=kind)
        wanted = {"asset_key": request.query_params.get("asset"), "partition_key": partition}
        return found.filter(**{field: value for field, value in wanted.items() if value})


class MaterializationsView(HistoryAPIView):
    @extend_schema(
        operation_id="list_materializations",
        parameters=[*_OF, _PARTITION, *PAGE_PARAMETERS],
        responses=page_schema(AssetEventSerializer),
    )
    def get(self, request: Request) -> Response:
        """The materializations of an asset, or of a run, newest first."""
        return self.events(request, AssetEventKind.MATERIALIZATION)


class ObservationsView(HistoryAPIView):
    @extend_schema(
        operation_id="list_observations",
        parameters=[*_OF, _PARTITION, *PAGE_PARAMETERS],
        responses=page_schema(AssetEventSerializer),
    )
    def get(self, request: Request) -> Response:
        """The observations of an asset, or of a run, newest first."""
        return self.events(request, AssetEventKind.OBSERVATION)


class CheckEvaluationsView(HistoryAPIView):
    @extend_schema(
        operation_id="list_check_evaluations",
        parameters=[
            *_OF,
            OpenApiParameter("check", str, description="Only the check of this name."),
            *PAGE_PARAMETERS,
        ],
        responses=page_schema(CheckEvaluationSerializer),
    )
    def get(self, request: Request) -> Response:
        """Evaluations of the checks of an asset, or by a run, newest first."""
        page = page_of_rows(self._evaluations(request), page_request(request), by=["-id"])
        return page_response(request, page, CheckEvaluationSerializer)

    def _evaluations(self, request: Request) -> QuerySet[CheckEvaluation]:
        name, run_id = request.query_params.get("check"), self.run_parameter(request)
        if run_id is None:
            return selectors.check_evaluations(self.visible, asset_parameter(request), name=name)
        found = selectors.evaluations_of_run(self.visible, run_id)
        wanted = {"asset_key": request.query_params.get("asset"), "check_name": name}
        return found.filter(**{field: value for field, value in wanted.items() if value})
