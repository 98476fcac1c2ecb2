"""REST: repositories below `/api/v1/organizations/<org>/repositories/`."""

from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.connections import repositories
from controlplane.delivery.connections import services as connections
from controlplane.delivery.connections.serializers import ChangeRepositorySerializer, RepositorySerializer
from controlplane.delivery.models import Repository
from tenants.errors import InvalidError
from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, Page, next_address, page_of_rows, page_request, page_schema
from tenants.permissions import Permission

_FILTERS = [OpenApiParameter("connection", UUID, description="Only those of this connection, by its id.")]


class RepositoriesView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ORGANIZATION_READ}

    @extend_schema(
        operation_id="list_repositories",
        parameters=[*_FILTERS, *PAGE_PARAMETERS],
        responses=page_schema(RepositorySerializer),
    )
    def get(self, request: Request) -> Response:
        """The repositories that the organization's connections reach, by name."""
        org_id = self.access.org.id
        rows = repositories.repositories(org_id, _connection(request, org_id))
        page: Page[Repository] = page_of_rows(rows, page_request(request), by=["full_name", "id"])
        found = RepositorySerializer(page.results, many=True, context={"access": self.access}).data
        return Response({"results": found, "next": next_address(request, page)})


class OneRepositoryView(OrgAPIView):
    """The base of what is about one repository."""

    repository: Repository

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.repository = repositories.access_repository(self.access.org.id, kwargs.pop("repository_id"))

    @property
    def who(self) -> dict[str, Any]:
        return {"org_id": self.access.org.id, "repository_id": self.repository.id, "actor": self.access.actor}

    def answer(self, repository: Repository) -> Response:
        return Response(RepositorySerializer(repository, context={"access": self.access}).data)


class RepositoryView(OneRepositoryView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PATCH": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(operation_id="get_repository", responses=RepositorySerializer)
    def get(self, request: Request) -> Response:
        """One repository."""
        return self.answer(self.repository)

    @extend_schema(operation_id="change_repository", request=ChangeRepositorySerializer, responses=RepositorySerializer)
    def patch(self, request: Request) -> Response:
        """Say what happens for its pull requests. Those that are open are looked at at once."""
        asked = valid_body(ChangeRepositorySerializer, request)
        given = dict(asked)
        if "base" in given:
            given["base"] = repositories.base_called(self.access, given["base"] or "")
        settings = replace(repositories.current_settings(self.repository), **given)
        changed = repositories.change_repository(
            access=self.access, repository_id=self.repository.id, settings=settings
        )
        return self.answer(changed)


class ReconcileView(OneRepositoryView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_WRITE}

    @extend_schema(operation_id="reconcile_repository", request=None, responses=RepositorySerializer)
    def post(self, request: Request) -> Response:
        """Compare the repository with its host now, instead of at its next turn."""
        return self.answer(repositories.reconcile_now(**self.who))


def _connection(request: Request, org_id: UUID) -> UUID | None:
    text = request.query_params.get("connection", "")
    if not text:
        return None
    try:
        return connections.access_connection(org_id, UUID(text)).id
    except ValueError as error:
        raise InvalidError("This is not an id.", attr="connection") from error
