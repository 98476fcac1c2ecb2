"""REST: the organizations a caller may enter."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.access import organizations_of
from tenants.http import principal_of
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.serializers import OrganizationSerializer


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
