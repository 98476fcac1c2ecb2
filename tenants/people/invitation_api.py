"""REST: invitations."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.errors import NotFoundError
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.people import invitations
from tenants.people.http import PeopleAPIView
from tenants.people.models import Invitation
from tenants.people.serializers import InvitationSerializer, InviteSerializer, TermsSerializer
from tenants.permissions import Permission

_TOO_MANY = {
    429: OpenApiResponse(description="The organization has sent as many invitations as it may within an hour.")
}


class _InvitationAPIView(PeopleAPIView):
    """Invitations that the caller may see: their own, or all with member:write."""

    def rows(self) -> QuerySet[Invitation]:
        rows = invitations.pending_invitations(self.org_id)
        return rows if self.access.allows(Permission.MEMBER_WRITE) else rows.filter(invited_by_user_id=self.person_id())

    def known(self, invitation_id: UUID) -> Invitation:
        found = self.rows().filter(id=invitation_id).first()
        if found is None:
            raise NotFoundError("There is no such pending invitation. It may have been accepted or revoked.")
        return found


class InvitationsView(_InvitationAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_INVITE, "POST": Permission.MEMBER_INVITE}

    @extend_schema(
        operation_id="list_invitations", parameters=PAGE_PARAMETERS, responses=page_schema(InvitationSerializer)
    )
    def get(self, request: Request) -> Response:
        """Pending invitations, the newest first; an expired one can be sent again."""
        page = page_of_rows(self.rows(), page_request(request), by=["-id"])
        return page_response(request, page, InvitationSerializer)

    @extend_schema(operation_id="invite", request=InviteSerializer, responses={201: InvitationSerializer, **_TOO_MANY})
    def post(self, request: Request) -> Response:
        """Invite somebody by e-mail. The link in the mail works once, for this address only."""
        body = valid_body(InviteSerializer, request)
        known = {named.place.id: named for named in self.viewer.places}
        made = invitations.invite(
            access=self.access,
            inviter_id=self.person_id(),
            email=body["email"],
            grants=[TermsSerializer.terms(terms, known) for terms in body["grants"]],
            teams=body["teams"],
        )
        made.refresh_from_db()
        return Response(InvitationSerializer(made).data, status=status.HTTP_201_CREATED)


class InvitationView(_InvitationAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_INVITE, "DELETE": Permission.MEMBER_INVITE}

    @extend_schema(operation_id="get_invitation", responses=InvitationSerializer)
    def get(self, request: Request, invitation_id: UUID) -> Response:
        """One pending invitation."""
        return Response(InvitationSerializer(self.known(invitation_id)).data)

    @extend_schema(operation_id="revoke_invitation", responses={204: None})
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        """Take an invitation back: its link is good for nothing from now on."""
        self.known(invitation_id)
        invitations.revoke_invitation(access=self.access, inviter_id=self.person_id(), invitation_id=invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ResendView(_InvitationAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.MEMBER_INVITE}

    @extend_schema(operation_id="resend_invitation", request=None, responses={200: InvitationSerializer, **_TOO_MANY})
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Mail a new link; the one before stops working."""
        self.known(invitation_id)
        again = invitations.resend_invitation(
            access=self.access, inviter_id=self.person_id(), invitation_id=invitation_id
        )
        return Response(InvitationSerializer(again).data)
