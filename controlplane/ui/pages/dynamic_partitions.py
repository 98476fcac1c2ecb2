"""Dynamic partitions: which there are, and the keys of one, added and deleted by hand."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.catalog import dynamic_partitions
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.paging import asked
from controlplane.ui.values import plural
from tenants.errors import ForbiddenError, InvalidError
from tenants.paging import page_of_rows
from tenants.permissions import Permission
from tenants.scoping import org_scope

_KEYS = 100


class DynamicPartitions(DeploymentPage):
    """The definitions, and the keys of the one that is chosen."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ, "POST": Permission.PARTITION_WRITE}
    section = "assets"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, request.GET.get("name", ""))

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "")
        try:
            self._change(request, name)
        except InvalidError as error:
            return self._shown(request, name, status=error.status, problem=error.message)
        return redirect(self.links.page("dynamic-partitions", query={"name": name}))

    def _change(self, request: HttpRequest, name: str) -> None:
        actor = self.access.actor
        if request.POST.get("do") == "delete":
            gone = dynamic_partitions.delete(self.visible, name, request.POST.getlist("key"), actor=actor)
            messages.success(
                request, f"{plural(len(gone), 'partition')} deleted. What was made of them stays in the history."
            )
            return
        typed = [line.strip() for line in request.POST.get("keys", "").splitlines() if line.strip()]
        added = dynamic_partitions.add(self.visible, name, typed, actor=actor)
        known = len(typed) - len(added)
        messages.success(
            request,
            f"{plural(len(added), 'partition')} added." + (f" {known} of them were there already." if known else ""),
        )

    def _shown(self, request: HttpRequest, name: str, *, status: int = 200, problem: str = "") -> HttpResponse:
        found = dynamic_partitions.definitions(self.visible)
        chosen = next((one for one in found if one.name == name), None)
        if name and chosen is None:
            # As for one that does not exist.
            dynamic_partitions.keys(self.visible, name)
        if chosen is None and len(found) == 1:
            chosen = found[0]
        context: dict[str, Any] = {
            "definitions": found,
            "chosen": chosen,
            "problem": problem,
            "typed": request.POST.get("keys", ""),
        }
        if chosen is not None:
            context["may_write"] = self._may_write(chosen.name)
            with org_scope(self.org_id):
                rows = dynamic_partitions.keys(self.visible, chosen.name, q=request.GET.get("q", ""))
                context["page"] = page_of_rows(rows, asked(request, size=_KEYS), by=["-position", "-partition_key"])
        return self.render(request, "assets/dynamic_partitions.html", status=status, **context)

    def _may_write(self, name: str) -> bool:
        try:
            dynamic_partitions.require_on(self.visible, name)
        except ForbiddenError:
            return False
        return True
