"""The header in which the clients of Dagster+ send their token. It is one of ours: of a person or a service account."""

from rest_framework.request import Request

from tenants.authentication import BearerAuthentication


class DagsterCloudTokenAuthentication(BearerAuthentication):
    """`Dagster-Cloud-Api-Token: dgb_…`; without it, `Authorization: Bearer`."""

    def token_text(self, request: Request) -> str | None:
        return request.headers.get("Dagster-Cloud-Api-Token") or super().token_text(request)
