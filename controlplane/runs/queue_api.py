"""REST: the run queue, concurrency pools, and what is done to many runs at once."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.runs import bulk_actions, pools, queue
from controlplane.runs.http import RunAPIView
from controlplane.runs.models import BulkAction, BulkKind
from controlplane.runs.queue import QueuedRun
from controlplane.runs.selectors import some_runs
from controlplane.runs.serializers import RunQuerySerializer, RunSerializer
from tenants.http import valid_body, valid_query
from tenants.permissions import Permission

_IDS_MAX = 5000
_PRIORITY_MAX = 1_000_000


class QueueQuerySerializer(RunQuerySerializer):
    """Which part of the queue is asked for."""

    offset = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000, default=0)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=500, default=50)


class QueuedRunSerializer(serializers.Serializer[QueuedRun]):
    """A run that waits."""

    run = RunSerializer()
    ahead = serializers.IntegerField(source="waiting.ahead", help_text="Runs of the deployment's queue before it.")
    waiting_code = serializers.CharField(source="waiting.code", help_text="What it waits for, for programs.")
    waiting_reason = serializers.CharField(source="waiting.message", help_text="The same for people.")


class QueueSerializer(serializers.Serializer[Any]):
    """A part of the queue, the next to start first."""

    total = serializers.IntegerField()
    results = QueuedRunSerializer(many=True, source="runs")


class QueueView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(operation_id="get_queue", parameters=[QueueQuerySerializer], responses=QueueSerializer)
    def get(self, request: Request) -> Response:
        """Which runs wait, in which order, and for what."""
        asked = valid_query(QueueQuerySerializer, request)
        given = dict(asked)
        offset, limit = given.pop("offset"), given.pop("limit")
        page = queue.queue(self.visible, RunQuerySerializer.filter(given), offset=offset, limit=limit)
        return Response(QueueSerializer(page).data)


class PrioritySerializer(serializers.Serializer[Any]):
    """A run's new priority: higher starts earlier."""

    priority = serializers.IntegerField(min_value=-_PRIORITY_MAX, max_value=_PRIORITY_MAX)


class PriorityView(RunAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"PUT": Permission.RUN_LAUNCH}

    @extend_schema(operation_id="set_run_priority", request=PrioritySerializer, responses=RunSerializer)
    def put(self, request: Request) -> Response:
        """Move a queued run. One that waits no more is a conflict."""
        asked = valid_body(PrioritySerializer, request)
        run = queue.set_priority(self.visible, self.run.id, asked["priority"], actor=self.access.actor)
        return Response(RunSerializer(run).data)


class SlotSerializer(serializers.Serializer[pools.Slot]):
    """Who holds a slot, or stands in line for one."""

    run_id = serializers.UUIDField(allow_null=True, help_text="Null for a run that you may not see.")
    step_key = serializers.CharField(allow_blank=True, help_text="Empty where the run holds it for all of its steps.")
    job_name = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField()


class PoolSerializer(serializers.Serializer[pools.PoolView]):
    """A concurrency pool."""

    name = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True, help_text="Null for none.")
    is_own = serializers.BooleanField(help_text="Set for this pool; otherwise it is the deployment's default.")
    is_defined = serializers.BooleanField(help_text="Named by an asset or op of the current code.")
    used = serializers.IntegerField()
    steps_waiting = serializers.IntegerField()
    runs_waiting = serializers.IntegerField(help_text="Runs in the queue that touch it.")
    holders = SlotSerializer(many=True)
    line = SlotSerializer(many=True)


class PoolsSerializer(serializers.Serializer[pools.Pools]):
    """The concurrency pools of a deployment."""

    granularity = serializers.ChoiceField(["op", "run"])
    default_limit = serializers.IntegerField(allow_null=True)
    pools = PoolSerializer(many=True)


class SetPoolSerializer(serializers.Serializer[Any]):
    """The limit of a pool. Names of pools have any characters: this one is in the body."""

    pool = serializers.CharField(max_length=500)
    limit = serializers.IntegerField(
        min_value=0, max_value=pools.LIMIT_MAX, allow_null=True, help_text="Null for the default."
    )


class PoolsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ, "PUT": Permission.CONCURRENCY_WRITE}

    @extend_schema(operation_id="list_pools", responses=PoolsSerializer)
    def get(self, request: Request) -> Response:
        """All pools with their limits, who holds slots of them, and who waits."""
        return Response(PoolsSerializer(pools.pools(self.visible)).data)

    @extend_schema(operation_id="set_pool_limit", request=SetPoolSerializer, responses=PoolsSerializer)
    def put(self, request: Request) -> Response:
        """Set the limit of one pool. It holds from now on; who has a slot keeps it."""
        given = valid_body(SetPoolSerializer, request)
        pools.set_limit(self.visible, given["pool"], given["limit"], actor=self.access.actor)
        return Response(PoolsSerializer(pools.pools(self.visible)).data)


class FreeSlotSerializer(serializers.Serializer[Any]):
    """The slot to give back."""

    pool = serializers.CharField(max_length=500)
    run = serializers.UUIDField()
    step = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)


class FreeSlotView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.CONCURRENCY_WRITE}

    @extend_schema(operation_id="free_pool_slot", request=FreeSlotSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Give back a slot now. Slots are freed with the end of their run by themselves."""
        given = valid_body(FreeSlotSerializer, request)
        pools.free(self.visible, given["pool"], given["run"], given["step"], actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WantedRunsSerializer(serializers.Serializer[Any]):
    """What to do to which runs: those that are named, or those that pass the filter."""

    kind = serializers.ChoiceField(BulkKind.choices)
    runs = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=_IDS_MAX, min_length=1)
    filter = RunQuerySerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if ("runs" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError({"runs": "Give either runs or a filter."})
        return attrs


class StartBulkActionSerializer(WantedRunsSerializer):
    """The same, as somebody said yes to it."""

    newest = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of the preview: runs that were made since are not meant.",
    )


class OutlookSerializer(serializers.Serializer[bulk_actions.Outlook]):
    """To how many runs it would be done."""

    total = serializers.IntegerField(help_text="Runs that you may do this to.")
    ended = serializers.IntegerField(help_text="How many of these have ended.")
    refused = serializers.IntegerField(help_text="Runs that you see and may not do this to: they are left out.")
    newest = serializers.UUIDField(allow_null=True, help_text="The newest of them.")


class BulkActionSerializer(serializers.Serializer[BulkAction]):
    """How far something is that is done to many runs."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(BulkKind.choices)
    actor_label = serializers.CharField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Runs that were left as they are.")
    skipped_why = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()), help_text="The first few."
    )
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class _WantedView(DeploymentAPIView):
    # What each kind needs beyond that is asked below.
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_READ}

    def wanted(self, given: dict[str, Any]) -> tuple[BulkKind, bulk_actions.Wanted]:
        """What is to be done, which the caller may do at all, and to which runs."""
        kind = BulkKind(given["kind"])
        self.access.require(bulk_actions.RIGHTS[kind])
        filters = RunQuerySerializer.filter(given["filter"]) if "filter" in given else None
        return kind, bulk_actions.Wanted(given.get("runs"), filters, given.get("newest"))


class BulkActionPreviewView(_WantedView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_READ}

    @extend_schema(operation_id="preview_bulk_action", request=WantedRunsSerializer, responses=OutlookSerializer)
    def post(self, request: Request) -> Response:
        """To how many runs it would be done. Nothing is done to them."""
        asked = valid_body(WantedRunsSerializer, request)
        kind, wanted = self.wanted(asked)
        return Response(OutlookSerializer(bulk_actions.outlook(self.visible, kind, wanted)).data)


class BulkActionsView(_WantedView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.RUN_READ}

    @extend_schema(
        operation_id="start_bulk_action", request=StartBulkActionSerializer, responses={201: BulkActionSerializer}
    )
    def post(self, request: Request) -> Response:
        """Do the same to many runs, with the right to do it to one. Answers at once; ask for its progress by its id."""
        asked = valid_body(StartBulkActionSerializer, request)
        kind, wanted = self.wanted(asked)
        action = bulk_actions.start(self.visible, kind, wanted, actor=self.access.actor)
        return Response(BulkActionSerializer(action).data, status=status.HTTP_201_CREATED)


class BulkActionView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.RUN_READ}

    @extend_schema(operation_id="get_bulk_action", responses=BulkActionSerializer)
    def get(self, request: Request, bulk_action_id: UUID) -> Response:
        """How far it is. Runs that you may not see are counted, not named."""
        action = bulk_actions.bulk_action(self.visible, bulk_action_id)
        seen = {str(run.id) for run in some_runs(self.visible, [UUID(one["run"]) for one in action.skipped_why])}
        document = BulkActionSerializer(action).data
        # Of runs that are gone nothing tells who might see them.
        sees_all = self.visible.part(Permission.RUN_READ).is_everything
        why = [one for one in action.skipped_why if one["run"] in seen or sees_all]
        return Response({**document, "skipped_why": why})
