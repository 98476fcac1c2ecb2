"""Base of the pages below `/<org>/<deployment>/`: finds the deployment, frames the template, answers htmx with a part of it."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import Deployment
from controlplane.ui.links import Links
from controlplane.ui.shell import page_context, shell
from tenants.http import OrgPage


class DeploymentPage(OrgPage):
    """A page of one deployment; `section` is the entry of the rail it belongs to."""

    section: ClassVar[str] = ""
    deployment: Deployment

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.deployment = deployments.deployment(self.org_id, kwargs.pop("deployment"))
        self.access = self.access.at(self.deployment.place)

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @property
    def links(self) -> Links:
        return Links(org=self.access.org.slug, deployment=self.deployment.name)

    def render(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page, framed."""
        frame = shell(
            principal=self.principal,
            access=self.access,
            deployment=self.deployment,
            deployments=deployments.deployments_for(self.access),
            section=self.section,
        )
        return TemplateResponse(request, template, {**page_context(frame, self.access), **context}, status=status)

    def render_part(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """A part of a page, for htmx: no frame, and none of its queries."""
        rights = {permission.name.lower(): True for permission in self.access.permissions}
        return TemplateResponse(request, template, {"links": self.links, "may": rights, **context})


def wants_part(request: HttpRequest, target: str) -> bool:
    """Whether htmx asks for the part of the page with this id."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target") == target
