"""REST: backfills: list, preview, launch, look at, pause, resume, cancel, retry."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.backfills import control, requesting, retrying, selectors
from controlplane.automation.backfills.serializers import (
    BackfillDetailSerializer,
    BackfillPartitionQuerySerializer,
    BackfillPartitionSerializer,
    BackfillQuerySerializer,
    BackfillSerializer,
    ChangeBackfillSerializer,
    LaunchBackfillSerializer,
    PreviewSerializer,
)
from controlplane.automation.models import Backfill
from controlplane.deployments.http import DeploymentAPIView
from controlplane.runs.serializers import RunSerializer
from controlplane.runs.visible_runs import covered_runs
from tenants.http import valid_body, valid_query
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import org_scope


class BackfillsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ, "POST": Permission.BACKFILL_LAUNCH}

    @extend_schema(
        operation_id="list_backfills",
        parameters=[BackfillQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(BackfillSerializer),
    )
    def get(self, request: Request) -> Response:
        """The deployment's backfills, the newest first."""
        asked = valid_query(BackfillQuerySerializer, request)
        rows = selectors.backfills(self.visible, BackfillQuerySerializer.filter(asked))
        with org_scope(self.org_id):
            page = page_of_rows(rows.defer("run_config"), page_request(request), by=["-id"])
        return page_response(request, page, BackfillSerializer)

    @extend_schema(
        operation_id="launch_backfill", request=LaunchBackfillSerializer, responses={201: BackfillSerializer}
    )
    def post(self, request: Request) -> Response:
        """Launch a backfill. All that it would make is checked first; nothing is launched when anything of it does not exist."""
        asked = valid_body(LaunchBackfillSerializer, request)
        wanted = LaunchBackfillSerializer.request(asked)
        return _made(requesting.request(self.visible, wanted, actor=self.access.actor))


class PreviewView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.BACKFILL_LAUNCH}

    @extend_schema(operation_id="preview_backfill", request=LaunchBackfillSerializer, responses=PreviewSerializer)
    def post(self, request: Request) -> Response:
        """What a backfill would make. Nothing is launched."""
        asked = valid_body(LaunchBackfillSerializer, request)
        found = requesting.preview(self.visible, LaunchBackfillSerializer.request(asked))
        shown: dict[str, Any] = {
            "partitions": found.count,
            "runs": found.runs,
            "by_asset": {key: len(keys) for key, keys in found.keys.items()},
            "mapped": list(found.mapped),
            "warnings": list(found.warnings),
        }
        return Response(PreviewSerializer(shown).data)


class _BackfillView(DeploymentAPIView):
    """One backfill, which the caller sees."""

    backfill: Backfill

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.backfill = selectors.backfill(self.visible, kwargs.pop("backfill_id"))
        selectors.require_on(self.visible, self.permission, self.backfill)


class BackfillView(_BackfillView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ, "PATCH": Permission.BACKFILL_LAUNCH}

    @extend_schema(operation_id="get_backfill", responses=BackfillDetailSerializer)
    def get(self, request: Request) -> Response:
        """One backfill, and where it is with each asset."""
        self.backfill.progress = selectors.progress(self.backfill)  # type: ignore[attr-defined]  # shown beside its own fields
        return Response(BackfillDetailSerializer(self.backfill).data)

    @extend_schema(operation_id="update_backfill", request=ChangeBackfillSerializer, responses=BackfillSerializer)
    def patch(self, request: Request) -> Response:
        """Change its title, its description or its priority; a priority counts for runs that wait, too."""
        asked = valid_body(ChangeBackfillSerializer, request)
        found = control.change(self.visible, self.backfill, actor=self.access.actor, **asked)
        return Response(BackfillSerializer(found).data)


class BackfillPartitionsView(_BackfillView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(
        operation_id="list_backfill_partitions",
        parameters=[BackfillPartitionQuerySerializer, *PAGE_PARAMETERS],
        responses=page_schema(BackfillPartitionSerializer),
    )
    def get(self, request: Request) -> Response:
        """Its partitions by asset and place, with the run of each."""
        asked = valid_query(BackfillPartitionQuerySerializer, request)
        with org_scope(self.org_id):
            rows = selectors.partitions(self.backfill, **asked)
            page = page_of_rows(rows, page_request(request), by=["asset_key", "position", "partition_key"])
        return page_response(request, page, BackfillPartitionSerializer)


class BackfillRunsView(_BackfillView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(
        operation_id="list_backfill_runs", parameters=[*PAGE_PARAMETERS], responses=page_schema(RunSerializer)
    )
    def get(self, request: Request) -> Response:
        """Its runs, the newest first, with those that were made again."""
        with org_scope(self.org_id):
            rows = covered_runs(self.visible, Permission.RUN_READ, selectors.runs_of(self.backfill))
            page = page_of_rows(rows.defer("run_config"), page_request(request), by=["-id"])
        return page_response(request, page, RunSerializer)


class _ActView(_BackfillView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.BACKFILL_LAUNCH}


class PauseView(_ActView):
    @extend_schema(operation_id="pause_backfill", request=None, responses=BackfillSerializer)
    def post(self, request: Request) -> Response:
        """Launch nothing more until it is resumed; what is in the queue or runs goes on. One that has ended is a conflict."""
        return Response(BackfillSerializer(control.pause(self.visible, self.backfill, actor=self.access.actor)).data)


class ResumeView(_ActView):
    @extend_schema(operation_id="resume_backfill", request=None, responses=BackfillSerializer)
    def post(self, request: Request) -> Response:
        """Go on launching."""
        return Response(BackfillSerializer(control.resume(self.visible, self.backfill, actor=self.access.actor)).data)


class CancelView(_ActView):
    @extend_schema(operation_id="cancel_backfill", request=None, responses=BackfillSerializer)
    def post(self, request: Request) -> Response:
        """Launch nothing more, and cancel its runs: what is queued at once, what runs through its agent."""
        return Response(BackfillSerializer(control.cancel(self.visible, self.backfill, actor=self.access.actor)).data)


class RetryView(_ActView):
    @extend_schema(operation_id="retry_backfill", request=None, responses={201: BackfillSerializer})
    def post(self, request: Request) -> Response:
        """A new backfill of exactly what this one did not make and nobody made since. One that goes on is a conflict."""
        return _made(retrying.retry(self.visible, self.backfill, actor=self.access.actor))


def _made(backfill: Backfill) -> Response:
    return Response(BackfillSerializer(backfill).data, status=status.HTTP_201_CREATED)
