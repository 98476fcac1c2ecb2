"""REST: the streams of an audit log."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.audit_log import services
from controlplane.audit_log.selectors import streams
from controlplane.audit_log.serializers import (
    AuditStreamSerializer,
    ChangeStreamSerializer,
    CreateStreamSerializer,
    NewStreamSerializer,
    StreamTestSerializer,
)
from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class AuditStreamsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.AUDIT_READ,
        "POST": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(
        operation_id="list_audit_streams", parameters=PAGE_PARAMETERS, responses=page_schema(AuditStreamSerializer)
    )
    def get(self, request: Request) -> Response:
        """Where else the audit log is kept, by name."""
        page = page_of_rows(streams(self.access.org.id), page_request(request), by=["name", "id"])
        return page_response(request, page, AuditStreamSerializer)

    @extend_schema(
        operation_id="create_audit_stream", request=CreateStreamSerializer, responses={201: NewStreamSerializer}
    )
    def post(self, request: Request) -> Response:
        """Set up a stream. A webhook's signing secret is in the answer, once."""
        asked = valid_body(CreateStreamSerializer, request)
        made = services.create_stream(org_id=self.access.org.id, **asked, actor=self.access.actor)
        body = {**AuditStreamSerializer(made.stream).data, "signing_secret": made.signing_secret}
        # SECURITY: the secret stays out of every cache.
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AuditStreamView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.AUDIT_READ,
        "PATCH": Permission.ORGANIZATION_WRITE,
        "DELETE": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(operation_id="get_audit_stream", responses=AuditStreamSerializer)
    def get(self, request: Request, stream_id: UUID) -> Response:
        """One stream."""
        return Response(AuditStreamSerializer(services.access_stream(self.access.org.id, stream_id)).data)

    @extend_schema(operation_id="change_audit_stream", request=ChangeStreamSerializer, responses=AuditStreamSerializer)
    def patch(self, request: Request, stream_id: UUID) -> Response:
        """Pause a stream, or let it go on from where it stopped."""
        services.access_stream(self.access.org.id, stream_id)
        asked = valid_body(ChangeStreamSerializer, request)
        stream = services.set_paused(
            org_id=self.access.org.id,
            stream_id=stream_id,
            paused=asked["is_paused"],
            actor=self.access.actor,
        )
        return Response(AuditStreamSerializer(stream).data)

    @extend_schema(operation_id="delete_audit_stream", responses={204: None})
    def delete(self, request: Request, stream_id: UUID) -> Response:
        """Delete a stream. What its receiver has, it keeps."""
        services.delete_stream(org_id=self.access.org.id, stream_id=stream_id, actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditStreamTestView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_WRITE}
    # The receiver may take its time: no transaction waits for it.
    in_one_scope = False

    @extend_schema(operation_id="test_audit_stream", request=None, responses=StreamTestSerializer)
    def post(self, request: Request, stream_id: UUID) -> Response:
        """Send one event that is marked as a test, now."""
        problem = services.send_test(org=self.access.org, stream_id=stream_id, actor=self.access.actor)
        return Response(StreamTestSerializer({"is_taken": not problem, "problem": problem}).data)
