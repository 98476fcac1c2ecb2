"""Settings of one deployment: what it is for, its freeze, its protection rules, its end."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments import freezing, protecting, selectors, services
from controlplane.deployments.models import DeploymentKind
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.protection_form import FIELDS, document_of, typed_of
from tenants.errors import ConflictError, InvalidError
from tenants.permissions import Permission

# Refusals that are about what was typed, and are shown beside it.
_SHOWN = (InvalidError, ConflictError)


class Settings(DeploymentPage):
    """The page; the forms below it are its parts."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_WRITE, "POST": Permission.DEPLOYMENT_WRITE}
    section = "deployment-settings"
    # What the form is about; it is shown with what was typed when it is refused.
    part: ClassVar[str] = "description"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.visible.require(self.permission)
        try:
            done = _CHANGES[self.part](self, request)
        except _SHOWN as error:
            refused = {"part": self.part, "message": error.message, "attr": error.attr or "", "typed": request.POST}
            return self.shown(request, status=error.status, refused=refused)
        messages.success(request, done)
        return redirect(self.after())

    def after(self) -> str:
        """Where one is led when it has worked."""
        return self.links.page("deployment-settings")

    def shown(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        deployment = self.deployment
        outlook = protecting.outlook(deployment)
        refused = context.get("refused", {})
        typed = refused["typed"] if refused.get("part") == "protection" else typed_of(outlook.protection)
        is_full = deployment.kind == DeploymentKind.FULL
        others = [one.name for one in selectors.deployments_for(self.access) if one.id != deployment.id]
        ends = Permission.FULL_DEPLOYMENT_WRITE if is_full else Permission.BRANCH_DEPLOYMENT_WRITE
        return self.render(
            request,
            "deployments/settings.html",
            status=status,
            outlook=outlook,
            rules={name: typed.get(name, "") for name in FIELDS},
            is_full=is_full,
            others=others,
            # Who is denied a part of it decides nothing here.
            decides=self.visible.permits(Permission.DEPLOYMENT_GRANT),
            writes=self.visible.permits(Permission.DEPLOYMENT_WRITE),
            deletes=self.access.allows(ends),
            **context,
        )


class _Part(Settings):
    """A form of the page: opened by GET it leads there."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_WRITE, "POST": Permission.DEPLOYMENT_GRANT}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect(self.links.page("deployment-settings"))


class Freeze(_Part):
    part = "freeze"


class Thaw(_Part):
    part = "thaw"


class Protect(_Part):
    part = "protection"


class Override(_Part):
    part = "override"


class Delete(_Part):
    """The end of the deployment, when its name was typed."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_WRITE, "POST": Permission.DEPLOYMENT_WRITE}
    part = "delete"

    def after(self) -> str:
        return reverse("pages:organization", args=[self.access.org.slug])


def _describe(page: Settings, request: HttpRequest) -> str:
    services.describe_deployment(
        org_id=page.org_id,
        deployment_id=page.deployment.id,
        description=request.POST.get("description", ""),
        actor=page.access.actor,
    )
    return "Saved."


def _freeze(page: Settings, request: HttpRequest) -> str:
    reason = request.POST.get("reason", "")
    freezing.freeze(org_id=page.org_id, deployment_id=page.deployment.id, reason=reason, actor=page.access.actor)
    return f"{page.deployment.name} is frozen. What runs, runs on; nothing else changes in it."


def _thaw(page: Settings, _request: HttpRequest) -> str:
    freezing.thaw(org_id=page.org_id, deployment_id=page.deployment.id, actor=page.access.actor)
    return f"{page.deployment.name} is thawed."


def _protect(page: Settings, request: HttpRequest) -> str:
    document = document_of({name: request.POST.get(name, "") for name in FIELDS})
    protecting.set_protection(
        org_id=page.org_id, deployment_id=page.deployment.id, document=document, actor=page.access.actor
    )
    return "The rules are saved."


def _override(page: Settings, request: HttpRequest) -> str:
    minutes = request.POST.get("minutes", "15")
    made = protecting.override(
        org_id=page.org_id,
        deployment_id=page.deployment.id,
        reason=request.POST.get("reason", ""),
        minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 5 else 0,
        actor=page.access.actor,
    )
    return f"You go past the rules until {made.until:%H:%M} UTC. Each deploy keeps your reason."


def _delete(page: Settings, request: HttpRequest) -> str:
    full = page.deployment.kind == DeploymentKind.FULL
    page.access.require(Permission.FULL_DEPLOYMENT_WRITE if full else Permission.BRANCH_DEPLOYMENT_WRITE)
    delete_deployment(
        org_id=page.org_id,
        deployment_id=page.deployment.id,
        typed_name=request.POST.get("typed", ""),
        cancel_runs=request.POST.get("cancel_runs") == "on",
        actor=page.access.actor,
    )
    return f"{page.deployment.name} is deleted. Its history goes in the background."


_CHANGES: dict[str, Callable[[Settings, HttpRequest], str]] = {
    "description": _describe,
    "freeze": _freeze,
    "thaw": _thaw,
    "protection": _protect,
    "override": _override,
    "delete": _delete,
}
