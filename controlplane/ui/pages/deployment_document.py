"""The settings document of a full deployment, as YAML: written, compared with what is stored, saved."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.models import DeploymentKind
from controlplane.deployments.setting_defaults import setting_lines
from controlplane.deployments.settings_document import SettingsTextError, document_text, parse_text
from controlplane.ui.audit_diff import diff
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import ConflictError
from tenants.permissions import Permission


class SettingsDocument(DeploymentPage):
    """The editor. Without `save` a document is compared with what is stored; with it, it is stored."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_WRITE, "POST": Permission.DEPLOYMENT_WRITE}
    section = "deployment-settings"

    def get(self, request: HttpRequest) -> HttpResponse:
        settings = self.deployment.settings
        return self._shown(request, document_text(settings) if settings else "")

    def post(self, request: HttpRequest) -> HttpResponse:
        self.visible.require_on_all(self.permission)
        text = request.POST.get("text", "").replace("\r\n", "\n")
        try:
            wanted = parse_text(text)
            if "save" not in request.POST:
                return self._shown(request, text, changes=_changes(self.deployment.settings, wanted), compared=True)
            set_settings(org_id=self.org_id, deployment_id=self.deployment.id, document=wanted, actor=self.access.actor)
        except SettingsTextError as error:
            lines = text.splitlines()
            at = error.line if error.line and error.line <= len(lines) else None
            context = {"line": at, "line_text": lines[at - 1] if at else ""}
            return self._shown(request, text, status=error.status, refused=error.message, **context)
        except ConflictError as error:
            return self._shown(request, text, status=error.status, refused=error.message)
        messages.success(request, "The settings are saved.")
        return redirect(self.links.page("deployment-document"))

    def _shown(self, request: HttpRequest, text: str, *, status: int = 200, **context: Any) -> HttpResponse:
        return self.render(
            request,
            "deployments/document.html",
            status=status,
            text=text,
            rows=max(12, min(40, text.count("\n") + 3)),
            lines=setting_lines(self.deployment.settings),
            is_full=self.deployment.kind == DeploymentKind.FULL,
            audits=self.access.allows(Permission.AUDIT_READ),
            **context,
        )


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[Any]:
    return [line for line in diff(before, after) if line.is_changed]
