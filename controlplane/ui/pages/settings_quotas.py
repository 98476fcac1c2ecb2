"""What an organization may use, and uses."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from controlplane.runs.quota_usage import quota_use
from controlplane.ui.pages.settings_base import SettingsPage
from tenants.permissions import Permission


class Quotas(SettingsPage):
    """Every quota with a meter."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}
    section = "settings-quotas"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.render(request, "settings/quotas.html", lines=quota_use(self.access.org.id))
