"""`POST /<org>/graphql` and `/<org>/<deployment>/graphql`: tokens only, and every operation asks for its own right."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.core.dagster_cloud_token import DagsterCloudTokenAuthentication
from controlplane.delivery.dagster_cloud.caller import Caller, Here, here
from controlplane.delivery.dagster_cloud.execution import answer
from tenants.errors import InvalidError
from tenants.http import OrgAPIView
from tenants.permissions import Permission

# The client tries these again where the body has no list of errors, and gives up where it has one.
_TRIED_AGAIN = frozenset(
    {
        status.HTTP_429_TOO_MANY_REQUESTS,
        status.HTTP_502_BAD_GATEWAY,
        status.HTTP_503_SERVICE_UNAVAILABLE,
        status.HTTP_504_GATEWAY_TIMEOUT,
    }
)


@extend_schema(exclude=True)
class GraphQLView(OrgAPIView):
    """What the published command line asks."""

    authentication_classes = (DagsterCloudTokenAuthentication,)
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_READ}
    # Queries are POSTs too: changes ask for the organization's state themselves (execution.py).
    in_any_state = True
    # Each operation opens the scope that it needs.
    in_one_scope = False
    entered: Here | None = None

    def enter(self, kwargs: dict[str, Any]) -> None:
        named = self.request.headers.get("Dagster-Cloud-Organization")
        if named and named != self.access.org.slug:
            raise InvalidError(
                f"The address is of the organization {self.access.org.slug}, the request names {named}. Correct "
                "DAGSTER_CLOUD_URL or DAGSTER_CLOUD_ORGANIZATION."
            )
        name = kwargs.pop("deployment", None) or self.request.headers.get("Dagster-Cloud-Deployment")
        if name:
            self.entered = here(self.access, name)

    def post(self, request: Request) -> Response:
        """Answer one operation."""
        key = request.headers.get("Idempotency-Key", "")
        return Response(answer(Caller(self.access, self.entered, key), request.data))

    def handle_exception(self, exc: Exception) -> Response:
        """The API's error document in the form of GraphQL's."""
        response = super().handle_exception(exc)
        found = [
            {"message": error["detail"], "extensions": {"code": error["code"]}} for error in response.data["errors"]
        ]
        response.data = found[0] if response.status_code in _TRIED_AGAIN else {"errors": found}
        return response
