"""REST: the organizations a caller may enter, and the tokens of one of them."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import selectors, token_services
from tenants.access import Principal, organizations_of
from tenants.http import OrgAPIView, principal_of
from tenants.models import TokenKind
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.serializers import IssuedTokenSerializer, IssueTokenSerializer, OrganizationSerializer, TokenSerializer


class OrganizationsView(APIView):
    """Needs no permission: it answers with what the caller may enter, and a token's own organization is no secret to it."""

    @extend_schema(
        operation_id="list_organizations", parameters=PAGE_PARAMETERS, responses=page_schema(OrganizationSerializer)
    )
    def get(self, request: Request) -> Response:
        """The organizations that you may enter."""
        found = organizations_of(principal_of(request))
        page = page_of_list(found, page_request(request), key=lambda org: (org.slug,))
        return page_response(request, page, OrganizationSerializer)


class TokensView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.OWN_TOKEN_WRITE,
        "POST": Permission.OWN_TOKEN_WRITE,
    }

    @extend_schema(operation_id="list_tokens", parameters=PAGE_PARAMETERS, responses=page_schema(TokenSerializer))
    def get(self, request: Request) -> Response:
        """The organization's tokens that are not revoked, newest first."""
        page = page_of_rows(selectors.tokens(self.access.org.id), page_request(request), by=["-id"])
        return page_response(request, page, TokenSerializer)

    @extend_schema(operation_id="issue_token", request=IssueTokenSerializer, responses={201: IssuedTokenSerializer})
    def post(self, request: Request) -> Response:
        """Issue a token: for an agent, or for programs that act as you. The answer shows its text, once."""
        asked = IssueTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        issued = token_services.issue_token(
            org_id=self.access.org.id, **_with_person(asked.validated_data, principal_of(request))
        )
        body = {**TokenSerializer(issued.token).data, "token": issued.text}
        return Response(body, status=status.HTTP_201_CREATED)


def _with_person(asked: dict[str, Any], principal: Principal) -> dict[str, Any]:
    return {**asked, "user": selectors.person(principal.user_id) if asked["kind"] == TokenKind.USER else None}


class TokenView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"DELETE": Permission.OWN_TOKEN_WRITE}

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke a token; it is refused everywhere within seconds."""
        token_services.revoke_token(org_id=self.access.org.id, token_id=token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
