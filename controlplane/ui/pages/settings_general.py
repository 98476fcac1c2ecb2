"""General settings of an organization."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from controlplane.ui.pages.settings_base import SettingsPage
from tenants.permissions import Permission


class General(SettingsPage):
    """What the organization is called."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}
    section = "settings"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.render(request, "settings/general.html")
