"""Base of the pages below `/<org>/<deployment>/`: finds the deployment, frames the template, answers htmx with a part of it."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import Visible, visible_to
from controlplane.ui.links import Links
from controlplane.ui.shell import page_context, shell
from tenants.http import OrgPage
from tenants.permissions import OF_DEPLOYMENTS, Permission


class DeploymentPage(OrgPage):
    """A page of one deployment; `section` is the entry of the rail it belongs to.

    What is in the deployment it reads through `self.visible`: only what the person may see.
    """

    section: ClassVar[str] = ""
    deployment: Deployment
    visible: Visible

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.deployment = deployments.deployment(self.org_id, kwargs.pop("deployment"))
        self.access = self.access.at(self.deployment.place)
        self.visible = visible_to(self.access, self.deployment)

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
            deployments=deployments.deployments_to_name(self.access),
            section=self.section,
        )
        return TemplateResponse(request, template, {**page_context(frame, self.access), **context}, status=status)

    def render_part(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """A part of a page, for htmx: no frame, and none of its queries."""
        return TemplateResponse(request, template, {"links": self.links, "may": self.may_with(), **context})

    def may_with(self, *, location: str | None = None, assets: Iterable[str] = ()) -> dict[str, bool]:
        """What the person may do, for templates (`may.run_launch`): with this location and these assets, or, without any, somewhere."""
        keys = list(assets)
        if location is None and not keys:
            return {permission.name.lower(): self.access.allows(permission) for permission in Permission}
        return {
            permission.name.lower(): self.access.allows(permission)
            and (permission not in OF_DEPLOYMENTS or self.visible.permits(permission, location=location, assets=keys))
            for permission in Permission
        }


def wants_part(request: HttpRequest, target: str) -> bool:
    """Whether htmx asks for the part of the page with this id."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target") == target
