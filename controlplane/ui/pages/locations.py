"""Code locations: what serves, what should serve, and why it does not."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.deployments import services
from controlplane.deployments.models import CodeLocation
from controlplane.deployments.version_changes import changes_of
from controlplane.fleet import selectors as fleet
from controlplane.ui.location_lines import VersionLine, location_line, location_lines
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.errors import InvalidError
from tenants.paging import page_of_rows
from tenants.permissions import Permission

_VERSIONS = 20


class Locations(DeploymentPage):
    """Every code location of a deployment."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ}
    section = "locations"

    def get(self, request: HttpRequest) -> HttpResponse:
        agents = fleet.agents(self.org_id)
        found = self.visible.code_locations()
        context: dict[str, Any] = {
            "lines": location_lines(found, agents),
            "has_agents": bool(agents),
            "duplicates": self.visible.duplicates(),
        }
        if wants_part(request, "location-list"):
            return self.render_part(request, "locations/_list.html", **context)
        return self.render(request, "locations/list.html", **context, server=settings.PUBLIC_URL)


class Location(DeploymentPage):
    """One code location: its state, what it defines, its versions."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ}
    section = "locations"

    def get(self, request: HttpRequest, name: str = "") -> HttpResponse:
        context = self.context(request, self.visible.location(name or request.GET.get("name", "")))
        if wants_part(request, "location-state"):
            return self.render_part(request, "locations/_state.html", **context)
        return self.render(request, "locations/location.html", **context)

    def context(self, request: HttpRequest, found: CodeLocation) -> dict[str, Any]:
        """What the page shows of a location."""
        line = location_line(found, fleet.agents(self.org_id))
        page = page_of_rows(self.visible.versions(found), asked(request, size=_VERSIONS), by=("-number",))
        changes = changes_of(self.visible, found, page.results)
        versions = [VersionLine(self.visible.shown(found.name, row), changes.get(row.number)) for row in page.results]
        return {
            "line": line,
            "page": page,
            "versions": versions,
            "duplicates": self.visible.duplicates(found.name),
            "may": self.may_with(location=found.name),
        }


class Reload(DeploymentPage):
    """Loads the deployed code anew."""

    permissions: ClassVar = {"POST": Permission.LOCATION_REDEPLOY}

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "")
        self.visible.location(name)
        self.visible.require(Permission.LOCATION_REDEPLOY, location=name)
        version = services.reload_location(
            org_id=self.org_id, deployment_id=self.deployment.id, name=name, actor=self.access.actor
        )
        messages.success(request, f"Version {version.number} of {name} imports the same code anew.")
        return redirect(self.links.location(name))


class Delete(Location):
    """Deletes a location, when its name was typed; opened by GET it is the location's page."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ, "POST": Permission.LOCATION_WRITE}

    def post(self, request: HttpRequest) -> HttpResponse:
        deployment = self.deployment
        name = request.POST.get("name", "")
        found = self.visible.location(name)
        self.visible.require(Permission.LOCATION_WRITE, location=name)
        try:
            _check_typed(request.POST.get("typed", ""), name)
        except InvalidError as error:
            context = self.context(request, found)
            return self.render(request, "locations/location.html", status=400, **context, typed_error=error.message)
        services.delete_location(org_id=self.org_id, deployment_id=deployment.id, name=name, actor=self.access.actor)
        messages.success(request, f"The code location {name} is deleted. Its runs and the history of its assets stay.")
        return redirect(self.links.page("locations"))


def _check_typed(typed: str, name: str) -> None:
    if typed.strip() != name.strip():
        raise InvalidError(f"Nothing was deleted: type the name of the code location, {name}.", attr="typed")
