"""REST: connections to Git hosts below `/api/v1/organizations/<org>/git-connections/`."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.connections import repositories, webhooks
from controlplane.delivery.connections import services as connections
from controlplane.delivery.connections.serializers import (
    ChangeGitConnectionSerializer,
    ConnectionTestSerializer,
    CreateGitConnectionSerializer,
    GitConnectionSerializer,
    NewGitConnectionSerializer,
    SyncedSerializer,
    WebhookDeliverySerializer,
)
from controlplane.delivery.connections.services import NewConnection
from controlplane.delivery.models import GitConnection
from tenants.errors import AppError
from tenants.http import OrgAPIView
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


def _with_secret(made: NewConnection, code: int) -> Response:
    body = {**GitConnectionSerializer(made.connection).data, "webhook_secret": made.webhook_secret}
    # SECURITY: the secret stays out of every cache.
    return Response(body, status=code, headers={"Cache-Control": "no-store"})


class GitConnectionsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "POST": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(
        operation_id="list_git_connections", parameters=PAGE_PARAMETERS, responses=page_schema(GitConnectionSerializer)
    )
    def get(self, request: Request) -> Response:
        """Connections to Git hosts, by name."""
        page = page_of_rows(connections.connections(self.access.org.id), page_request(request), by=["name", "id"])
        return page_response(request, page, GitConnectionSerializer)

    @extend_schema(
        operation_id="create_git_connection",
        request=CreateGitConnectionSerializer,
        responses={201: NewGitConnectionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a connection. The answer has the address and the secret of its webhooks; the credential may follow."""
        asked = CreateGitConnectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = connections.create_connection(
            org_id=self.access.org.id,
            provider=asked.validated_data["provider"],
            values=asked.values(),
            actor=self.access.actor,
        )
        return _with_secret(made, status.HTTP_201_CREATED)


class OneConnectionView(OrgAPIView):
    """The base of what is about one connection."""

    connection: GitConnection

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.connection = connections.access_connection(self.access.org.id, kwargs.pop("git_connection_id"))

    @property
    def who(self) -> dict[str, Any]:
        return {"org_id": self.access.org.id, "connection_id": self.connection.id, "actor": self.access.actor}


class GitConnectionView(OneConnectionView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PATCH": Permission.ORGANIZATION_WRITE,
        "DELETE": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(operation_id="get_git_connection", responses=GitConnectionSerializer)
    def get(self, request: Request) -> Response:
        """One connection."""
        return Response(GitConnectionSerializer(self.connection).data)

    @extend_schema(
        operation_id="change_git_connection", request=ChangeGitConnectionSerializer, responses=GitConnectionSerializer
    )
    def patch(self, request: Request) -> Response:
        """Change a connection, or give it its credential."""
        asked = ChangeGitConnectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changed = connections.update_connection(values=asked.values(), **self.who)
        return Response(GitConnectionSerializer(changed).data)

    @extend_schema(operation_id="delete_git_connection", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Delete a connection with its repositories; their branch deployments are closed."""
        connections.delete_connection(**self.who)
        return Response(status=status.HTTP_204_NO_CONTENT)


class _AskingView(OneConnectionView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_WRITE}
    # The host may take its time: no transaction waits for it.
    in_one_scope = False


class TestConnectionView(_AskingView):
    @extend_schema(operation_id="test_git_connection", request=None, responses=ConnectionTestSerializer)
    def post(self, request: Request) -> Response:
        """Ask the host whose credential this is, and whether it may do what is needed."""
        try:
            found = {"is_working": True, "credential_of": connections.test_connection(**self.who), "problem": ""}
        except AppError as error:
            found = {"is_working": False, "credential_of": "", "problem": error.message}
        return Response(ConnectionTestSerializer(found).data)


class SyncView(_AskingView):
    @extend_schema(operation_id="sync_git_connection", request=None, responses=SyncedSerializer)
    def post(self, request: Request) -> Response:
        """Ask the host which repositories the connection reaches. New ones begin with the mode off."""
        return Response(SyncedSerializer(repositories.sync_repositories(**self.who)).data)


class WebhookSecretView(OneConnectionView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_WRITE}

    @extend_schema(operation_id="renew_git_webhook_secret", request=None, responses={200: NewGitConnectionSerializer})
    def post(self, request: Request) -> Response:
        """Make another webhook secret, shown once. The host's webhooks are refused until it has it."""
        return _with_secret(connections.renew_webhook_secret(**self.who), status.HTTP_200_OK)


class WebhookDeliveriesView(OneConnectionView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ORGANIZATION_READ}

    @extend_schema(
        operation_id="list_git_webhooks", parameters=PAGE_PARAMETERS, responses=page_schema(WebhookDeliverySerializer)
    )
    def get(self, request: Request) -> Response:
        """Webhooks of the last thirty days that were verified, the newest first."""
        rows = webhooks.deliveries(self.access.org.id, self.connection.id)
        page = page_of_rows(rows, page_request(request), by=["-received_at", "-delivery_id"])
        return page_response(request, page, WebhookDeliverySerializer)
