"""REST: the agents of an organization."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.fleet import selectors
from controlplane.fleet.serializers import AgentSerializer, BlockAgentSerializer
from tenants.credentials.services import block_agent, unblock_agent
from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission


class AgentsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AGENT_READ}

    @extend_schema(operation_id="list_agents", parameters=PAGE_PARAMETERS, responses=page_schema(AgentSerializer))
    def get(self, request: Request) -> Response:
        """Every agent that ever registered, by name, with its state and why."""
        found = selectors.as_seen(self.access, selectors.agents(self.access.org.id))
        page = page_of_list(found, page_request(request), key=lambda view: (view.agent.name,))
        return page_response(request, page, AgentSerializer)


class BlockAgentView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "POST": Permission.AGENT_TOKEN_WRITE,
        "DELETE": Permission.AGENT_TOKEN_WRITE,
    }

    @extend_schema(operation_id="block_agent", request=BlockAgentSerializer, responses={204: None})
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Refuse this agent, whatever token it brings, until the block is taken away. It is cut off within five seconds."""
        agent = selectors.agent(self.access.org.id, agent_id).agent
        asked = valid_body(BlockAgentSerializer, request)
        block_agent(
            org_id=self.access.org.id,
            agent_id=agent.id,
            name=agent.name,
            actor=self.access.actor,
            reason=asked["reason"],
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="unblock_agent", responses={204: None})
    def delete(self, request: Request, agent_id: UUID) -> Response:
        """Let it register again."""
        agent = selectors.agent(self.access.org.id, agent_id).agent
        unblock_agent(org_id=self.access.org.id, agent_id=agent.id, name=agent.name, actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AgentDetailView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AGENT_READ}

    @extend_schema(operation_id="get_agent", responses=AgentSerializer)
    def get(self, request: Request, agent_id: UUID) -> Response:
        """One agent."""
        [found] = selectors.as_seen(self.access, [selectors.agent(self.access.org.id, agent_id)])
        return Response(AgentSerializer(found).data)
