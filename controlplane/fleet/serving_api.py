"""REST: which agents would serve a code location, and why others would not; also of one that is not deployed yet."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.models import DeploymentKind
from controlplane.fleet.health import AgentState
from controlplane.fleet.selectors import agents
from controlplane.fleet.serving import Served, branches_of, served, served_by_name, serving
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope

_MAX_NAME = 200


class ServingAgentSerializer(serializers.Serializer[Any]):
    """One agent, and whether it would serve it."""

    id = serializers.UUIDField(source="view.agent.id")
    name = serializers.CharField(source="view.agent.name")
    state = serializers.ChoiceField([state.value for state in AgentState], source="view.state")
    serves = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Why not; empty when it does.")


class ServingSerializer(serializers.Serializer[Any]):
    """Who would serve it."""

    location = serializers.CharField(source="wanted.location", allow_blank=True)
    queue = serializers.CharField(source="wanted.queue")
    served = serializers.BooleanField(help_text="Whether any agent would.")
    unserved = serializers.CharField(allow_null=True, help_text="What is missing, when none would.")
    agents = ServingAgentSerializer(many=True, source="answers")


class ServingView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.LOCATION_READ}

    @extend_schema(
        operation_id="get_serving_agents",
        parameters=[
            OpenApiParameter("location", str, description="The code location; it need not be deployed yet."),
            OpenApiParameter(
                "queue", str, description="The queue; without it that of the code location, or `default`."
            ),
            OpenApiParameter("branches", bool, description="Of any branch deployment of this one, instead of itself."),
        ],
        responses=ServingSerializer,
    )
    def get(self, request: Request) -> Response:
        """Every agent of the organization with yes or no and the reason. Nothing is changed: ask before you deploy."""
        asked = request.query_params
        location, queue = asked.get("location", ""), asked.get("queue", "")
        for attr, text in (("location", location), ("queue", queue)):
            if len(text) > _MAX_NAME or not text.isprintable():
                raise InvalidError(f"{attr} is a name of at most {_MAX_NAME} characters.", attr=attr)
        with org_scope(self.org_id):
            wanted = self._wanted(location, queue, branches=asked.get("branches", "") in {"true", "1"})
            found = serving(self.org_id, agents(self.org_id), wanted)
        return Response(ServingSerializer(found).data)

    def _wanted(self, location: str, queue: str, *, branches: bool) -> Served:
        if branches:
            if self.deployment.kind != DeploymentKind.FULL:
                raise InvalidError("A branch deployment has no branches. Ask its full deployment.", attr="branches")
            return branches_of(self.deployment, location=location, queue=queue or "default")
        try:
            known = self.visible.location(location) if location else None
        except NotFoundError:
            known = None
        if known is None or (queue and queue != known.queue):
            return served_by_name(self.deployment, location=location, queue=queue or "default")
        return served(known, known.desired)
