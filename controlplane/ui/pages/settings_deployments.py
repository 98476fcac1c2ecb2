"""Full deployments of an organization: the list, and a new one."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.delivery.full_deployments.copying import Part, copy_deployment
from controlplane.delivery.full_deployments.deletion import deletions
from controlplane.deployments import selectors, services
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.visibility import visible_to
from controlplane.ui.links import Links
from controlplane.ui.pages.settings_base import SettingsPage
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, QuotaExceededError
from tenants.permissions import Permission

_SHOWN = (ConflictError, ForbiddenError, InvalidError, NotFoundError, QuotaExceededError)
_PARTS = {
    Part.LOCATIONS: "Code locations, with their code and queue",
    Part.ENVIRONMENT: "Environment variables of the full deployment, with their values",
    Part.SETTINGS: "Settings",
    Part.PROTECTION: "Protection rules",
    Part.GRANTS: "Roles given in it",
}


class Deployments(SettingsPage):
    """Those that the person may enter, and those that are going."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}
    section = "settings-deployments"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = selectors.deployments_for(self.access)
        full = [row for row in found if row.kind == DeploymentKind.FULL]
        org = self.access.org
        lines = [
            {
                "deployment": row,
                "links": Links(org=org.slug, deployment=row.name),
                "locations": len(visible_to(self.access, row).code_locations()),
                "branches": sum(1 for one in found if one.parent_id == row.id),
                "may_change": self.access.at(row.place).allows(Permission.DEPLOYMENT_WRITE),
            }
            for row in full
        ]
        going = deletions(org.id) if self.access.allows(Permission.FULL_DEPLOYMENT_WRITE) else []
        return self.render(request, "settings/deployments.html", lines=lines, going=going)


class NewDeployment(SettingsPage):
    """The form, with what may be copied."""

    permissions: ClassVar = {"GET": Permission.FULL_DEPLOYMENT_WRITE, "POST": Permission.FULL_DEPLOYMENT_WRITE}
    section = "settings-deployments"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.form(request, {"source": request.GET.get("from", "")}, chosen=set(Part))

    def post(self, request: HttpRequest) -> HttpResponse:
        given = {name: request.POST.get(name, "").strip() for name in ("name", "description", "source")}
        chosen = {part for part in Part if request.POST.get(f"part-{part.value}") == "on"}
        try:
            made, left_out = self.make(given, chosen)
        except _SHOWN as error:
            return self.form(request, given, chosen=chosen, status=error.status, problem=error)
        messages.success(request, f"{made.name} is made.")
        for words in left_out:
            messages.warning(request, f"Not copied: {words}")
        return redirect(Links(org=self.access.org.slug, deployment=made.name).page("overview"))

    def make(self, given: dict[str, str], chosen: set[Part]) -> tuple[Deployment, list[str]]:
        """The new deployment, and what was left out of the copy."""
        org_id, name, description = self.access.org.id, given["name"], given["description"]
        if not given["source"]:
            made = services.create_deployment(
                org_id=org_id, name=name, description=description, actor=self.access.actor
            )
            return made, []
        source = selectors.deployment(org_id, given["source"])
        copied = copy_deployment(access=self.access, source=source, name=name, description=description, parts=chosen)
        return copied.deployment, copied.left_out

    def form(
        self, request: HttpRequest, given: dict[str, str], *, chosen: set[Part], status: int = 200, **context: Any
    ) -> HttpResponse:
        """The form, with what was typed."""
        found = selectors.deployments_for(self.access)
        context |= {
            "given": given,
            "sources": [row.name for row in found if row.kind == DeploymentKind.FULL],
            "parts": [(part.value, label, part in chosen) for part, label in _PARTS.items()],
        }
        return self.render(request, "settings/new_deployment.html", status=status, **context)
