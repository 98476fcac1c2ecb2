"""The asset checks of a deployment, and running some of them alone."""

from collections import defaultdict
from dataclasses import fields
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.catalog.check_lists import STATUSES, CheckFilter, CheckLine, checks
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
            has_partitions=any(line.check.definition and line.check.definition.partitions for line in found),
            may=self.may_with(),
        )


class RunChecks(DeploymentPage):
    """Launches checks alone: `checks` names them (`<asset>:<name>`), `partition` theirs. One run for each code location,
    and another for those of its checks that have partitions.
    """

    permissions: ClassVar = {"POST": Permission.RUN_LAUNCH}
    section = "checks"

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = list(dict.fromkeys(request.POST.getlist("checks")))
        if not wanted:
            raise InvalidError("Choose at least one check.", attr="checks")
        known = {line.key: line for line in checks(self.visible)}
        partition = request.POST.get("partition", "").strip()
        together: dict[tuple[str, str], list[str]] = defaultdict(list)
        for key in wanted:
            if key not in known:
                raise NotFoundError(f"There is no check {key} in this deployment.")
            together[known[key].location, _partition_of(known[key], partition)].append(key)
        runs = [
            launch(
                self.visible,
                RunRequest(location=name, checks=keys, partition=of or None),
                actor=self.access.actor,
            )
            for (name, of), keys in sorted(together.items())
        ]
        if len(runs) == 1:
            return redirect(self.links.run(runs[0].id))
        messages.success(
            request,
            f"{len(runs)} runs are launched: one for each code location, and one for its checks of the partition.",
        )
        return redirect(self.links.page("runs"))


def _partition_of(line: CheckLine, partition: str) -> str:
    """The partition to run a check for; empty for one that has none."""
    if line.check.definition is None or line.check.definition.partitions is None:
        return ""
    if not partition:
        raise InvalidError(f"{line.key} has partitions: say which one to check.", attr="partition")
    return partition
