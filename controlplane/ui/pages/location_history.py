"""The history of a code location: one version of it, going back to one, and a first version that is typed into a form."""

from dataclasses import replace
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from agent.protocol import Target
from controlplane.deployments import services
from controlplane.deployments.code import Code
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.deployments.version_changes import changes_of
from controlplane.ui.change_lines import change_groups
from controlplane.ui.location_lines import VersionLine
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.permissions import Permission

# What whoever filled in a form can mend, or should read beside what they typed.
_SHOWN = (InvalidError, ConflictError, ForbiddenError, NotFoundError)
_WAYS = {
    "module_name": "A module",
    "python_file": "A Python file",
    "package_name": "A package",
    "autoload_defs_module_name": "A module with a defs folder",
}
_DIGITS = 9
_FIELDS = ("name", "way", "what", "working_directory", "attribute", "image", "queue", "git_commit", "git_url")


class Version(DeploymentPage):
    """One version: where it came from, how it loaded, and what it changed."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ}
    section = "locations"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = self.visible.location(request.GET.get("name", ""))
        version = self.version(found, request.GET.get("number", ""))
        changes = changes_of(self.visible, found, [version]).get(version.number)
        # What is affected downstream says what a change will do, and a version did it long ago.
        own = replace(changes.comparison, affected=()) if changes else None
        context: dict[str, Any] = {
            "location": found,
            "row": VersionLine(self.visible.shown(found.name, version)),
            "changes": changes,
            "groups": change_groups(own, self.links) if own else [],
            "may": self.may_with(location=found.name),
        }
        return self.render(request, "locations/version.html", **context)

    def version(self, found: CodeLocation, number: str) -> LocationVersion:
        """The version of this number; NotFoundError when there is none."""
        is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS
        version = self.visible.versions(found).filter(number=int(number)).first() if is_number else None
        if version is None:
            raise NotFoundError(f"{found.name} has no such version.")
        return version


class Rollback(Version):
    """Deploys the code of an earlier version again; opened by GET it is that version's page."""

    permissions: ClassVar = {"GET": Permission.LOCATION_READ, "POST": Permission.LOCATION_REDEPLOY}

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "")
        found = self.visible.location(name)
        self.visible.require(Permission.LOCATION_REDEPLOY, location=name)
        to = self.version(found, request.POST.get("number", ""))
        made = services.rollback_location(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            name=name,
            to_number=to.number,
            actor=self.access.actor,
        )
        messages.success(request, f"Version {made.number} brings back the code of version {to.number}.")
        return redirect(self.links.location(name))


class NewLocation(DeploymentPage):
    """A code location without the command line: where its code is, and what of it to load."""

    permissions: ClassVar = {"GET": Permission.LOCATION_WRITE, "POST": Permission.LOCATION_WRITE}
    section = "locations"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.form(request, {"way": "module_name", "queue": "default"})

    def post(self, request: HttpRequest) -> HttpResponse:
        given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
        try:
            self.visible.require(Permission.LOCATION_WRITE, location=given["name"])
            if any(row.name == given["name"] for row in self.visible.code_locations()):
                raise ConflictError(f"There is a code location {given['name']} already.", attr="name")
            services.deploy_location(
                org_id=self.org_id,
                deployment_id=self.deployment.id,
                name=given["name"],
                code=_code(given),
                queue=given["queue"] or "default",
                actor=self.access.actor,
            )
        except _SHOWN as error:
            return self.form(request, given, status=error.status, problem=error)
        messages.success(request, f"{given['name']} is deployed. It serves once an agent has loaded it.")
        return redirect(self.links.location(given["name"]))

    def form(self, request: HttpRequest, given: dict[str, str], *, status: int = 200, **context: Any) -> HttpResponse:
        """The form, with what was typed."""
        return self.render(request, "locations/new.html", status=status, given=given, ways=_WAYS.items(), **context)


def _code(given: dict[str, str]) -> Code:
    way = given["way"] if given["way"] in _WAYS else ""
    if given["what"] and not way:
        raise InvalidError("Say what the name is of: a module, a file, a package.", attr="way")
    named = {way: given["what"]} if given["what"] else {}
    places = {name: given[name] for name in ("working_directory", "attribute") if given[name]}
    return Code(
        target=Target(**named, **places),
        image=given["image"],
        git_commit=given["git_commit"],
        git_url=given["git_url"],
    )
