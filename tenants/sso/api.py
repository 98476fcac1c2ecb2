"""REST: connections and domains of single sign-on. A test sign-in needs a browser, and is on the page."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.sso import connections, domains, selectors
from tenants.sso.models import Protocol, SsoConnection
from tenants.sso.serializers import (
    ChangeConnectionSerializer,
    ConnectionSerializer,
    DomainSerializer,
    NewConnectionSerializer,
    NewDomainSerializer,
    SetDomainSerializer,
)


class _SsoView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {}

    @property
    def _who(self) -> dict[str, Any]:
        return {"org_id": self.access.org.id, "actor": self.access.actor}

    def _switch(self, connection: SsoConnection, asked: dict[str, Any]) -> SsoConnection:
        if asked.get("is_enabled") in {None, connection.is_enabled}:
            return connection
        return connections.switch_connection(connection_id=connection.id, on=asked["is_enabled"], **self._who)


class ConnectionsView(_SsoView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.SSO_WRITE, "POST": Permission.SSO_WRITE}

    @extend_schema(
        operation_id="list_sso_connections", parameters=PAGE_PARAMETERS, responses=page_schema(ConnectionSerializer)
    )
    def get(self, request: Request) -> Response:
        """Connections to identity providers, oldest first."""
        page = page_of_rows(selectors.connections(self.access.org.id), page_request(request), by=["id"])
        return page_response(request, page, ConnectionSerializer)

    @extend_schema(
        operation_id="create_sso_connection", request=NewConnectionSerializer, responses={201: ConnectionSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a connection. The answer has the addresses that the identity provider needs; the rest can follow."""
        asked = NewConnectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        protocol = Protocol(asked.validated_data["protocol"])
        made = connections.create_connection(protocol=protocol, values=asked.values(), **self._who)
        made = self._switch(made, asked.validated_data)
        return Response(ConnectionSerializer(made).data, status=status.HTTP_201_CREATED)


class ConnectionView(_SsoView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.SSO_WRITE,
        "PATCH": Permission.SSO_WRITE,
        "DELETE": Permission.SSO_WRITE,
    }

    @extend_schema(operation_id="get_sso_connection", responses=ConnectionSerializer)
    def get(self, request: Request, connection_id: UUID) -> Response:
        """One connection."""
        return Response(ConnectionSerializer(selectors.connection(self.access.org.id, connection_id)).data)

    @extend_schema(
        operation_id="change_sso_connection", request=ChangeConnectionSerializer, responses=ConnectionSerializer
    )
    def patch(self, request: Request, connection_id: UUID) -> Response:
        """Change a connection, or switch it on or off. Off ends the sessions it opened."""
        selectors.connection(self.access.org.id, connection_id)
        asked = ChangeConnectionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changed = connections.update_connection(connection_id=connection_id, values=asked.values(), **self._who)
        return Response(ConnectionSerializer(self._switch(changed, asked.validated_data)).data)

    @extend_schema(operation_id="delete_sso_connection", responses={204: None})
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """Delete a connection, and forget whom it linked. People stay members."""
        connections.delete_connection(connection_id=connection_id, **self._who)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DomainsView(_SsoView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.SSO_WRITE, "POST": Permission.SSO_WRITE}

    @extend_schema(operation_id="list_sso_domains", parameters=PAGE_PARAMETERS, responses=page_schema(DomainSerializer))
    def get(self, request: Request) -> Response:
        """Domains of the organization, oldest first."""
        page = page_of_rows(selectors.domains(self.access.org.id), page_request(request), by=["id"])
        return page_response(request, page, DomainSerializer)

    @extend_schema(operation_id="add_sso_domain", request=NewDomainSerializer, responses={201: DomainSerializer})
    def post(self, request: Request) -> Response:
        """Add a domain. It counts once its TXT record is found: `verify/`."""
        asked = valid_body(NewDomainSerializer, request)
        domain = domains.add_domain(name=asked["name"], **self._who)
        return Response(DomainSerializer(domain).data, status=status.HTTP_201_CREATED)


class DomainView(_SsoView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.SSO_WRITE,
        "PUT": Permission.SSO_WRITE,
        "DELETE": Permission.SSO_WRITE,
    }

    @extend_schema(operation_id="get_sso_domain", responses=DomainSerializer)
    def get(self, request: Request, domain_id: UUID) -> Response:
        """One domain."""
        return Response(DomainSerializer(selectors.domain(self.access.org.id, domain_id)).data)

    @extend_schema(operation_id="set_sso_domain", request=SetDomainSerializer, responses=DomainSerializer)
    def put(self, request: Request, domain_id: UUID) -> Response:
        """Choose the connection of a verified domain, and whether it is the only way in."""
        selectors.domain(self.access.org.id, domain_id)
        asked = valid_body(SetDomainSerializer, request)
        domain = domains.set_domain(domain_id=domain_id, **asked, **self._who)
        return Response(DomainSerializer(domain).data)

    @extend_schema(operation_id="remove_sso_domain", responses={204: None})
    def delete(self, request: Request, domain_id: UUID) -> Response:
        """Give a domain up."""
        domains.remove_domain(domain_id=domain_id, **self._who)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerifyDomainView(_SsoView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.SSO_WRITE}
    # DNS may take seconds: no transaction waits for it.
    in_one_scope = False

    @extend_schema(operation_id="verify_sso_domain", request=None, responses=DomainSerializer)
    def post(self, request: Request, domain_id: UUID) -> Response:
        """Look for the TXT record now. `verified_at` and `check_error` say what was found."""
        return Response(DomainSerializer(domains.verify_domain(domain_id=domain_id, **self._who)).data)
