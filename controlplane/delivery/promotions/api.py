"""REST: promotions into a deployment."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.promotions import promoting
from controlplane.delivery.promotions import services as promotions
from controlplane.delivery.promotions.promoting import LineState
from controlplane.deployments import selectors
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.models import Deployment, Promotion, PromotionState
from controlplane.deployments.serializers import LocationVersionSerializer
from tenants.errors import InvalidError, NotFoundError
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class PromotionSerializer(serializers.Serializer[Promotion]):
    """A promotion, and how far it has come."""

    id = serializers.UUIDField()
    source_name = serializers.CharField(help_text="The deployment it came from.")
    state = serializers.ChoiceField(PromotionState.choices)
    message = serializers.CharField(allow_blank=True, help_text="Why it ended so.")
    locations = serializers.DictField(help_text="By code location the ids of versions: from, before, version.")
    smoke_job = serializers.DictField(allow_null=True, help_text="location and job.")
    smoke_run_id = serializers.UUIDField(allow_null=True)
    rolls_back = serializers.BooleanField(help_text="Whether a failure takes it back by itself.")
    actor_label = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class PromoteSerializer(serializers.Serializer[Any]):
    """What to promote."""

    deployment = serializers.CharField(
        max_length=100, help_text="The deployment to take the code from; a branch deployment too."
    )
    locations = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        allow_null=True,
        default=None,
        max_length=500,
        help_text="Names of code locations; all that differ when they are left out.",
    )
    versions = serializers.DictField(
        child=serializers.UUIDField(),
        required=False,
        allow_null=True,
        default=None,
        help_text="By code location the id of its version there, as the preview said. Another one by now: 409, nothing is promoted.",
    )


class PromotionLineSerializer(serializers.Serializer[Any]):
    """What a promotion would do to one code location."""

    name = serializers.CharField()
    state = serializers.ChoiceField([(state.value, state.value) for state in LineState])
    version = LocationVersionSerializer(allow_null=True, help_text="What serves where it comes from.")
    here = LocationVersionSerializer(allow_null=True, help_text="What is deployed where it goes.")
    definitions = serializers.SerializerMethodField(help_text="How many definitions are added, changed, removed.")

    def get_definitions(self, line: promoting.PromotionLine) -> dict[str, int] | None:
        return line.comparison.totals if line.comparison is not None else None


class _OfPromotions(DeploymentAPIView):
    """What the views of promotions share."""

    def shown(self, row: Promotion) -> Promotion:
        """Without code locations of which the caller may not know; it is not to be saved."""
        promoting.without_hidden_sources(self.access, [row])
        row.locations = promoting.shown_locations(self.access, self.deployment, row)
        smoke = row.smoke_job
        if smoke and not self.visible.part(Permission.LOCATION_READ).has_location(smoke["location"]):
            row.smoke_job, row.smoke_run_id = None, None
        if not self.visible.permits(Permission.LOCATION_READ):
            # It may quote what is hidden.
            row.message = "" if row.ended_at is None else PromotionState(row.state).label
        return row

    def source(self, name: str) -> Deployment:
        """The deployment of this name, which the caller may enter."""
        found = next((one for one in selectors.deployments_for(self.access) if one.name == name), None)
        if found is None:
            raise NotFoundError(f"There is no deployment called {name}.")
        return found


class PromotionsView(_OfPromotions):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.LOCATION_READ,
        "POST": Permission.LOCATION_WRITE,
    }

    @extend_schema(
        operation_id="list_promotions", parameters=PAGE_PARAMETERS, responses=page_schema(PromotionSerializer)
    )
    def get(self, request: Request) -> Response:
        """Promotions into this deployment, the newest first."""
        rows = promotions.promotions(self.org_id, self.deployment.id)
        page = page_of_rows(rows, page_request(request), by=["-id"])
        for row in page.results:
            self.shown(row)
        return page_response(request, page, PromotionSerializer)

    @extend_schema(operation_id="promote", request=PromoteSerializer, responses={201: PromotionSerializer})
    def post(self, request: Request) -> Response:
        """Put what serves in another deployment into this one: deploy it, wait until it has loaded, run the smoke job."""
        asked = valid_body(PromoteSerializer, request)
        source = self.source(asked["deployment"])
        names, seen = asked["locations"], asked["versions"]
        made = promoting.promote_for(self.access, source, self.deployment, names, seen)
        return Response(PromotionSerializer(self.shown(made)).data, status=status.HTTP_201_CREATED)


class PromotionPreviewView(_OfPromotions):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.LOCATION_READ}

    @extend_schema(
        operation_id="preview_promotion",
        parameters=[OpenApiParameter("from", str, required=True, description="The deployment to take the code from.")],
        responses=PromotionLineSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """What a promotion into this deployment would change."""
        name = request.query_params.get("from", "")
        if not name:
            raise InvalidError("Say which deployment to promote: ?from=staging.", attr="from")
        lines = promoting.preview(self.access, self.source(name), self.deployment)
        return Response(PromotionLineSerializer(lines, many=True).data)


class PromotionView(_OfPromotions):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.LOCATION_READ}

    @extend_schema(operation_id="get_promotion", responses=PromotionSerializer)
    def get(self, request: Request, promotion_id: UUID) -> Response:
        """One promotion, and how far it has come."""
        found = promotions.promotion(self.org_id, self.deployment.id, promotion_id)
        return Response(PromotionSerializer(self.shown(found)).data)


class PromotionRollbackView(_OfPromotions):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.LOCATION_WRITE}

    @extend_schema(operation_id="roll_back_promotion", request=None, responses=PromotionSerializer)
    def post(self, request: Request, promotion_id: UUID) -> Response:
        """Take the newest promotion back: what was deployed before is deployed again."""
        moved = promoting.roll_back_for(self.access, self.deployment, promotion_id)
        return Response(PromotionSerializer(self.shown(moved)).data)
