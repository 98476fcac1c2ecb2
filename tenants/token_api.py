"""REST: the tokens that the caller may manage. Each method asks for the right over the kind of token it is about (token_rules.py)."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import token_actions
from tenants.errors import InvalidError
from tenants.http import OrgAPIView, principal_of, valid_body
from tenants.models import ApiToken, TokenKind
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.reach_names import reach_from_names
from tenants.token_rules import Terms, access_token, visible_tokens
from tenants.token_serializers import (
    ChangeTokenSerializer,
    IssuedTokenSerializer,
    IssueTokenSerializer,
    RotateTokenSerializer,
    TokenSerializer,
)
from tenants.token_services import IssuedToken

_FILTERS = [
    OpenApiParameter("kind", str, enum=TokenKind.values, description="Only tokens of this kind."),
    OpenApiParameter("holder", str, description="Only those of this person (e-mail) or service account (name)."),
]


class TokensView(OrgAPIView):
    # Being a member; which tokens, and whether any may be made, is decided by kind.
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "POST": Permission.ORGANIZATION_READ,
    }

    @extend_schema(
        operation_id="list_tokens",
        parameters=[*_FILTERS, *PAGE_PARAMETERS],
        responses=page_schema(TokenSerializer),
    )
    def get(self, request: Request) -> Response:
        """The tokens that you may manage and that are not revoked, newest first: your own, and those of the kinds you administer."""
        rows = _filtered(visible_tokens(self.access, principal_of(request)), request)
        return page_response(request, page_of_rows(rows, page_request(request), by=["-id"]), TokenSerializer)

    @extend_schema(operation_id="issue_token", request=IssueTokenSerializer, responses={201: IssuedTokenSerializer})
    def post(self, request: Request) -> Response:
        """Issue a token: of yours, of a service account, for agents, or for SCIM. The answer shows its text, once."""
        given = valid_body(IssueTokenSerializer, request)
        issued = token_actions.make_token(
            self.access,
            principal_of(request),
            kind=TokenKind(given["kind"]),
            name=given["name"],
            terms=terms_of(given),
            reach=reach_from_names(self.access.org.id, given.get("reach")),
            service_account_id=given.get("service_account"),
        )
        return issued_response(issued)


class TokenView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = dict.fromkeys(
        ("GET", "PATCH", "DELETE"), Permission.ORGANIZATION_READ
    )

    @extend_schema(operation_id="get_token", responses=TokenSerializer)
    def get(self, request: Request, token_id: UUID) -> Response:
        """One token, without its secret."""
        return Response(TokenSerializer(access_token(self.access, principal_of(request), token_id)).data)

    @extend_schema(operation_id="update_token", request=ChangeTokenSerializer, responses=TokenSerializer)
    def patch(self, request: Request, token_id: UUID) -> Response:
        """Change name, scopes, reach, networks or expiry. It holds everywhere within seconds."""
        access_token(self.access, principal_of(request), token_id)
        asked = valid_body(ChangeTokenSerializer, request)
        changes = dict(asked)
        if "reach" in changes:
            changes["reach"] = reach_from_names(self.access.org.id, changes["reach"])
        token = token_actions.change_token(self.access, principal_of(request), token_id, changes)
        return Response(TokenSerializer(token).data)

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke a token; it is refused everywhere within five seconds."""
        token_actions.revoke(self.access, principal_of(request), token_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RotateTokenView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_READ}

    @extend_schema(operation_id="rotate_token", request=RotateTokenSerializer, responses={201: IssuedTokenSerializer})
    def post(self, request: Request, token_id: UUID) -> Response:
        """A second token in the place of this one; both live until the old one is revoked or ends. The answer shows its text, once."""
        access_token(self.access, principal_of(request), token_id)
        asked = valid_body(RotateTokenSerializer, request)
        return issued_response(token_actions.rotate(self.access, principal_of(request), token_id, **asked))


def terms_of(given: dict[str, Any]) -> Terms:
    """What a validated request cuts the new token down to."""
    return Terms(given.get("scopes"), given.get("expires_at"), given.get("allowed_networks") or ())


def issued_response(issued: IssuedToken) -> Response:
    """A new token with its text; no cache may keep it."""
    body = {**TokenSerializer(issued.token).data, "token": issued.text}
    return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


def _filtered(rows: QuerySet[ApiToken], request: Request) -> QuerySet[ApiToken]:
    kind, holder = request.query_params.get("kind"), request.query_params.get("holder")
    if kind is not None:
        if kind not in TokenKind.values:
            raise InvalidError(f"kind is one of {', '.join(TokenKind.values)}.", attr="kind")
        rows = rows.filter(kind=kind)
    if holder is not None:
        rows = rows.filter(Q(user__email__iexact=holder) | Q(service_account__name__iexact=holder))
    return rows
