"""REST: the audit log of an organization, by filters, and whole for safekeeping."""

from typing import ClassVar
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.audit_log.exporting import export_answer
from controlplane.audit_log.serializers import AuditEventSerializer
from tenants.audit import documents, selectors
from tenants.audit.filters import ALL_BRANCHES, RESULTS, read_filter
from tenants.http import OrgAPIView
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission
from tenants.scoping import org_scope

FILTERS = [
    OpenApiParameter("actor", str, description="Part of the actor's name, or the actor's id."),
    OpenApiParameter("action", str, description="An action such as run.launch, or a subject such as run."),
    OpenApiParameter("deployment", str, description=f"A deployment's name, or {ALL_BRANCHES} for all branches."),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="From this time on. A date will do."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Before this time."),
    OpenApiParameter("address", str, description="Network address the request came from."),
    OpenApiParameter("result", str, enum=RESULTS, description="How it ended."),
    OpenApiParameter("target", str, description="The id of what it was done to."),
]


class AuditEventsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(
        operation_id="list_audit_events",
        parameters=[*FILTERS, *PAGE_PARAMETERS],
        responses=page_schema(AuditEventSerializer),
    )
    def get(self, request: Request) -> Response:
        """Who changed what, newest first."""
        org_id = self.access.org.id
        rows = selectors.events(org_id, read_filter(org_id, request.query_params.dict()))
        page = page_of_rows(rows, page_request(request), by=["-id"])
        known = documents.named_places(org_id)
        found = Page([documents.document(row, known) for row in page.results], page.cursor, page.more)
        return page_response(request, found, AuditEventSerializer)


class AuditEventView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(operation_id="get_audit_event", responses=AuditEventSerializer)
    def get(self, request: Request, event_id: UUID) -> Response:
        """One event of the audit log."""
        org_id = self.access.org.id
        found = documents.document(selectors.event(org_id, event_id), documents.named_places(org_id))
        return Response(AuditEventSerializer(found).data)


class AuditExportView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}
    in_one_scope = False

    @extend_schema(
        operation_id="export_audit_events",
        parameters=[
            *FILTERS,
            OpenApiParameter("form", str, enum=("jsonl", "csv"), description="One JSON document in a line, or CSV."),
        ],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All events that fit, oldest first, as a file."""
        org = self.access.org
        with org_scope(org.id):
            asked = read_filter(org.id, request.query_params.dict())
        return export_answer(request._request, org, asked, form=request.query_params.get("form", "jsonl"))  # noqa: SLF001 - streaming asks whether it is ASGI
