"""Base of the pages below `/<org>/settings/`: the frame with its own rail."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from controlplane.ui.shell import SwitchItem, rail
from tenants.access import organizations_of
from tenants.http import OrgPage
from tenants.permissions import Permission

# Label, page (its name in the URLconf), right, and the heading above it.
SETTINGS_RAIL = (
    ("General", "settings", Permission.ORGANIZATION_READ, "Organization"),
    ("Deployments", "settings-deployments", Permission.ORGANIZATION_READ, ""),
    ("Quotas", "settings-quotas", Permission.ORGANIZATION_READ, ""),
    ("Git hosts", "settings-git", Permission.ORGANIZATION_READ, ""),
    ("Members", "settings-members", Permission.MEMBER_READ, "People"),
    ("Teams", "settings-teams", Permission.TEAM_READ, ""),
    ("Roles", "settings-roles", Permission.ROLE_READ, ""),
    ("Single sign-on", "settings-sso", Permission.SSO_WRITE, ""),
    ("Provisioning", "settings-scim", Permission.SSO_WRITE, ""),
    ("Audit log", "settings-audit", Permission.AUDIT_READ, ""),
    ("Tokens", "settings-tokens", Permission.OWN_TOKEN_WRITE, "Programs"),
    ("Service accounts", "settings-service-accounts", Permission.SERVICE_ACCOUNT_WRITE, ""),
)


class SettingsPage(OrgPage):
    """A page of an organization's settings; `section` is the entry of the rail it belongs to."""

    section: ClassVar[str] = ""
    # Organization Admins reach the settings of a suspended organization.
    even_closed = True

    def render(self, request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page, framed; the template extends `settings/page.html`."""
        org = self.access.org
        frame = {
            "org": org,
            "person": self.access.actor.label,
            "nav": rail(
                SETTINGS_RAIL,
                self.access,
                section=self.section,
                address=lambda name: reverse(f"pages:{name}", args=[org.slug]),
            ),
            "organizations": [
                SwitchItem(
                    name=other.name, url=reverse("pages:settings", args=[other.slug]), current=other.id == org.id
                )
                for other in organizations_of(self.principal)
            ],
            "may": {permission.name.lower(): self.access.allows(permission) for permission in Permission},
        }
        return TemplateResponse(request, template, {**frame, **context}, status=status)
