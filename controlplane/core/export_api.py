"""REST: a whole organization as a file."""

from typing import ClassVar

from django.http import HttpRequest, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from controlplane.core.streaming import attachment
from tenants.access import Access
from tenants.export import export_lines
from tenants.http import OrgAPIView
from tenants.permissions import Permission


class ExportView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ORGANIZATION_WRITE}
    even_closed = True
    in_one_scope = False

    @extend_schema(
        operation_id="export_organization", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Everything of the organization as JSON lines, `{"table": …, "row": {…}}`; secrets are left out."""
        return export_attachment(request._request, self.access)  # noqa: SLF001 - DRF offers no other way to the Django request


def export_attachment(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """The export as a file to be saved. Call it outside of org_scope: each piece opens its own."""
    pieces = export_lines(org_id=access.org.id, actor=access.actor)
    return attachment(request, pieces, filename=f"{access.org.slug}.jsonl")
