"""REST: the agents of an organization."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.fleet import selectors
from controlplane.fleet.serializers import AgentSerializer
from tenants.http import OrgAPIView
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission


class AgentsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AGENT_READ}

    @extend_schema(operation_id="list_agents", parameters=PAGE_PARAMETERS, responses=page_schema(AgentSerializer))
    def get(self, request: Request) -> Response:
        """Every agent that ever registered, by name, with its state and why."""
        found = selectors.agents(self.access.org.id)
        page = page_of_list(found, page_request(request), key=lambda view: (view.agent.name,))
        return page_response(request, page, AgentSerializer)


class AgentDetailView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AGENT_READ}

    @extend_schema(operation_id="get_agent", responses=AgentSerializer)
    def get(self, request: Request, agent_id: UUID) -> Response:
        """One agent."""
        return Response(AgentSerializer(selectors.agent(self.access.org.id, agent_id)).data)
