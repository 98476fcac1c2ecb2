"""REST: runs: list, launch, look at, cancel, run again."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.runs import launching, selectors
from controlplane.runs.http import RunAPIView
from controlplane.runs.models import Run
from controlplane.runs.serializers import (
    LaunchRunSerializer,
    ReexecuteRunSerializer,
    RunDetailSerializer,
    RunQuerySerializer,
    RunSerializer,
)
from controlplane.runs.waiting_seen import seen_reason
from tenants.http import valid_body, valid_query
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class RunsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ, "POST": Permission.RUN_LAUNCH}

    @extend_schema(
        operation_id="list_runs",
        parameters=[RunQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(RunSerializer),
    )
    def get(self, request: Request) -> Response:
        """The deployment's runs, the newest first."""
        asked = valid_query(RunQuerySerializer, request)
        rows = selectors.narrowed(self.visible, RunQuerySerializer.filter(asked))
        whole = selectors.without_config(self.visible)
        page = page_of_rows(rows, page_request(request), by=["-id"], read_from=whole)
        return page_response(request, page, RunSerializer)

    @extend_schema(operation_id="launch_run", request=LaunchRunSerializer, responses={201: RunSerializer})
    def post(self, request: Request) -> Response:
        """Launch a run. It is checked against the definitions at once, and starts when an agent takes it."""
        asked = valid_body(LaunchRunSerializer, request)
        wanted = LaunchRunSerializer.request(asked)
        return _made(launching.launch(self.visible, wanted, actor=self.access.actor))


class RunDetailView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(operation_id="get_run", responses=RunDetailSerializer)
    def get(self, request: Request) -> Response:
        """One run."""
        reason = seen_reason(self.visible, self.run)
        document: dict[str, Any] = RunDetailSerializer(self.run).data
        waits = {
            "waiting_reason": reason.message if reason else None,
            "waiting_for": list(reason.holders) if reason else [],
        }
        return Response(document | waits)


class CancelView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_CANCEL}

    @extend_schema(operation_id="cancel_run", request=None, responses=RunSerializer)
    def post(self, request: Request) -> Response:
        """Cancel a run, in whatever state it is. One that has ended is a conflict."""
        run = launching.cancel(self.visible, self.run, actor=self.access.actor)
        return Response(RunSerializer(run).data)


class ReexecuteView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_LAUNCH}

    @extend_schema(operation_id="reexecute_run", request=ReexecuteRunSerializer, responses={201: RunSerializer})
    def post(self, request: Request) -> Response:
        """Run it again: all of it, or from where it failed."""
        asked = valid_body(ReexecuteRunSerializer, request)
        run = launching.launch_again(self.visible, self.run, actor=self.access.actor, **asked)
        return _made(run)


def _made(run: Run) -> Response:
    return Response(RunSerializer(run).data, status=status.HTTP_201_CREATED)
