"""REST: service accounts and their tokens. Their grants are given like anybody's, under `grants/`."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import service_accounts, token_actions
from tenants.http import OrgAPIView, principal_of, valid_body
from tenants.models import ServiceAccount, TokenKind
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.token_api import issued_response, terms_of
from tenants.token_rules import visible_tokens
from tenants.token_serializers import (
    ChangeServiceAccountSerializer,
    IssuedTokenSerializer,
    NewServiceAccountSerializer,
    NewTokenSerializer,
    ServiceAccountSerializer,
    TokenSerializer,
)

_P = Permission.SERVICE_ACCOUNT_WRITE


class ServiceAccountsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": _P, "POST": _P}

    @extend_schema(
        operation_id="list_service_accounts",
        parameters=PAGE_PARAMETERS,
        responses=page_schema(ServiceAccountSerializer),
    )
    def get(self, request: Request) -> Response:
        """The service accounts, newest first."""
        rows = service_accounts.service_accounts(self.access.org.id)
        return page_response(request, page_of_rows(rows, page_request(request), by=["-id"]), ServiceAccountSerializer)

    @extend_schema(
        operation_id="create_service_account",
        request=NewServiceAccountSerializer,
        responses={201: ServiceAccountSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add a service account. It holds nothing until something is granted to it."""
        asked = valid_body(NewServiceAccountSerializer, request)
        account = service_accounts.create_service_account(org_id=self.access.org.id, actor=self.access.actor, **asked)
        return Response(ServiceAccountSerializer(account).data, status=status.HTTP_201_CREATED)


class _AccountView(OrgAPIView):
    """Takes the account's id out of the address; `find` answers the account, or raises NotFoundError."""

    account_id: UUID

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.account_id = kwargs.pop("service_account_id")

    def find(self) -> ServiceAccount:
        return service_accounts.service_account(self.access.org.id, self.account_id)


class ServiceAccountView(_AccountView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": _P, "PATCH": _P, "DELETE": _P}

    @extend_schema(operation_id="get_service_account", responses=ServiceAccountSerializer)
    def get(self, request: Request) -> Response:
        """One service account."""
        return Response(ServiceAccountSerializer(self.find()).data)

    @extend_schema(
        operation_id="update_service_account",
        request=ChangeServiceAccountSerializer,
        responses=ServiceAccountSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Rename, describe, disable or enable it. Disabled, its tokens are refused within five seconds."""
        self.find()
        asked = valid_body(ChangeServiceAccountSerializer, request)
        account = service_accounts.update_service_account(
            org_id=self.access.org.id,
            actor=self.access.actor,
            account_id=self.account_id,
            changes=service_accounts.Changes(**asked),
        )
        return Response(ServiceAccountSerializer(account).data)

    @extend_schema(operation_id="delete_service_account", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take it away, with its grants and tokens."""
        service_accounts.delete_service_account(
            org_id=self.access.org.id, actor=self.access.actor, account_id=self.account_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServiceAccountTokensView(_AccountView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": _P, "POST": _P}

    @extend_schema(
        operation_id="list_service_account_tokens",
        parameters=PAGE_PARAMETERS,
        responses=page_schema(TokenSerializer),
    )
    def get(self, request: Request) -> Response:
        """Its tokens that are not revoked, newest first."""
        rows = visible_tokens(self.access, principal_of(request)).filter(service_account_id=self.find().id)
        return page_response(request, page_of_rows(rows, page_request(request), by=["-id"]), TokenSerializer)

    @extend_schema(
        operation_id="issue_service_account_token",
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Issue a token that acts as the service account. The answer shows its text, once."""
        self.find()
        given = valid_body(NewTokenSerializer, request)
        issued = token_actions.make_token(
            self.access,
            principal_of(request),
            kind=TokenKind.SERVICE,
            name=given["name"],
            terms=terms_of(given),
            service_account_id=self.account_id,
        )
        return issued_response(issued)
