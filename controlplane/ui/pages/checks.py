"""The asset checks of a deployment, and running some of them alone."""

from collections import defaultdict
from dataclasses import fields
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.catalog.check_lists import STATUSES, CheckFilter, checks
from controlplane.runs.launching import launch
from controlplane.runs.requests import RunRequest
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.paging import asked
from tenants.errors import InvalidError, NotFoundError
from tenants.paging import page_of_sequence
from tenants.permissions import Permission

_ROWS = 100


class Checks(DeploymentPage):
    """Every check that a code location defines, the failed ones first."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}
    section = "checks"

    def get(self, request: HttpRequest) -> HttpResponse:
        wanted = CheckFilter(**{field.name: request.GET.get(field.name, "") for field in fields(CheckFilter)})
        every = checks(self.visible)
        found = [line for line in every if wanted.matches(line)]
        page = page_of_sequence(lambda offset, limit: found[offset : offset + limit], asked(request, size=_ROWS))
        locations = sorted({line.location for line in every})
        return self.render(
            request,
            "checks/list.html",
            page=page,
            filter=wanted,
            found=len(found),
            total=len(every),
            statuses=[(status, sum(line.check.status == status for line in every)) for status in STATUSES],
            locations=[(name, sum(line.location == name for line in every)) for name in locations],
            severities=("ERROR", "WARN"),
            may=self.may_with(),
        )


class RunChecks(DeploymentPage):
    """Launches checks alone: `checks` names them (`<asset>:<name>`), `partition` theirs. One run for each code location."""

    permissions: ClassVar = {"POST": Permission.RUN_LAUNCH}
    section = "checks"

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = list(dict.fromkeys(request.POST.getlist("checks")))
        if not wanted:
            raise InvalidError("Choose at least one check.", attr="checks")
        where = {line.key: line.location for line in checks(self.visible)}
        by_location: dict[str, list[str]] = defaultdict(list)
        for key in wanted:
            if key not in where:
                raise NotFoundError(f"There is no check {key} in this deployment.")
            by_location[where[key]].append(key)
        partition = request.POST.get("partition", "").strip() or None
        runs = [
            launch(
                self.visible,
                RunRequest(location=name, checks=keys, partition=partition),
                actor=self.access.actor,
            )
            for name, keys in sorted(by_location.items())
        ]
        if len(runs) == 1:
            return redirect(self.links.run(runs[0].id))
        messages.success(request, f"{len(runs)} runs are launched, one for each code location.")
        return redirect(self.links.page("runs"))
