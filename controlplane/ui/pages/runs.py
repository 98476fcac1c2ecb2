"""The list of runs: filters in the address, pages by cursor, live."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict

from controlplane.runs import selectors as runs
from controlplane.runs.selectors import RunFilter
from controlplane.runs.states import ACTIVE, RunStatus
from controlplane.ui.pages.base import DeploymentPage, wants_part
from tenants.errors import InvalidError
from tenants.permissions import Permission

_ROWS = 50
# What the status menu offers beside single statuses.
_STATUS_GROUPS = {"active": sorted(ACTIVE)}
_COUNTED = 1000


class Runs(DeploymentPage):
    """The runs of a deployment, newest first."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "runs"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = read_filter(request.GET)
        page = runs.runs(self.visible, filters, cursor=_cursor(request.GET), limit=_ROWS)
        count = runs.count_runs(self.visible, filters, most=_COUNTED)
        context: dict[str, Any] = {"page": page, "runs": page.runs, "count": count, "counted": _COUNTED}
        context["filtered"] = any(name != "cursor" and value for name, value in request.GET.items())
        if wants_part(request, "run-list"):
            return self.render_part(request, "runs/_list.html", **context)
        locations = self.visible.code_locations()
        return self.render(request, "runs/list.html", **context, statuses=list(RunStatus), locations=locations)


def read_filter(query: QueryDict) -> RunFilter:
    """What the address asks for; unknown statuses and tags without a value are refused in words."""
    text = {name: query.get(name, "").strip() or None for name in ("location", "job", "asset", "partition", "by", "id")}
    return RunFilter(
        statuses=_statuses(query.get("status", "")),
        location=text["location"],
        job=text["job"],
        asset=text["asset"],
        partition=text["partition"],
        tags=_tags(query.getlist("tag")),
        launched_by=text["by"],
        id_prefix=text["id"],
    )


def _statuses(text: str) -> list[RunStatus]:
    if not text:
        return []
    if text in _STATUS_GROUPS:
        return list(_STATUS_GROUPS[text])
    if text not in RunStatus.values:
        raise InvalidError(f"There is no run status {text[:40]}.", attr="status")
    return [RunStatus(text)]


def _tags(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if text.strip():
            if not equals:
                raise InvalidError(f"Write a tag as name=value, not {text[:40]}.", attr="tag")
            found[name.strip()] = value.strip()
    return found


def _cursor(query: QueryDict) -> UUID | None:
    text = query.get("cursor")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidError("This cursor is not one of ours. Leave it out.", attr="cursor") from error
