"""Base of the pages below `/<org>/<deployment>/`: finds the deployment, frames the template, answers htmx with a part of it."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
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

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.deployment_name: str = kwargs.pop("deployment")
        return super().dispatch(request, *args, **kwargs)

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @property
    def links(self) -> Links:
        return Links(org=self.access.org.slug, deployment=self.deployment_name)

    def open(self) -> Deployment:
        """The deployment in the address; NotFoundError when there is none. Handlers call it first."""
        self.deployment = deployments.deployment(self.org_id, self.deployment_name)
        return self.deployment

    def render(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page, framed."""
        frame = shell(
            principal=self.principal,
            access=self.access,
            deployment=self.deployment,
            deployments=list(deployments.deployments(self.org_id)),
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
