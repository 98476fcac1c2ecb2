"""Acknowledging that an asset is unwell, from its page."""

from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from controlplane.catalog import health_services
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import AppError
from tenants.permissions import Permission


class Acknowledge(DeploymentPage):
    """`key`, and a `reason`; without one the acknowledgement is taken back."""

    permissions: ClassVar = {"POST": Permission.ASSET_REPORT}
    section = "assets"

    def post(self, request: HttpRequest) -> HttpResponse:
        key, reason = request.POST.get("key", ""), request.POST.get("reason", "")
        try:
            if request.POST.get("withdraw"):
                health_services.withdraw(visible=self.visible, key=key, actor=self.access.actor)
            else:
                health_services.acknowledge(visible=self.visible, key=key, reason=reason, actor=self.access.actor)
        except AppError as error:
            if error.status not in {400, 409}:
                raise
            messages.error(request, error.message)
        return HttpResponseRedirect(self.links.asset(key))
