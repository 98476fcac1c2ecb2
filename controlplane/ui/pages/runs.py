"""The list of runs: filters in the address, pages by cursor, live."""

import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict

from controlplane.runs import bulk_actions
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
# Ids of runs begin with the time since 1970.
_FIRST_YEAR = 1970


class Runs(DeploymentPage):
    """The runs of a deployment, newest first."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "runs"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = read_filter(request.GET)
        cursor = _cursor(request.GET)
        page = runs.runs(self.visible, filters, cursor=cursor, limit=_ROWS)
        are_all = cursor is None and page.cursor is None
        count = len(page.runs) if are_all else runs.count_runs(self.visible, filters, most=_COUNTED)
        context: dict[str, Any] = {"page": page, "runs": page.runs, "count": count, "counted": _COUNTED}
        context["filtered"] = any(name != "cursor" and value for name, value in request.GET.items())
        context["query"] = filter_query(request.GET)
        if wants_part(request, "run-list"):
            return self.render_part(request, "runs/_list.html", **context)
        locations = self.visible.code_locations()
        context["going_on"] = [one for one in bulk_actions.newest(self.visible) if one.ended_at is None]
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
        created_after=moment(query, "after"),
        created_before=moment(query, "before"),
    )


def filter_query(query: QueryDict) -> str:
    """The filter of a list as text, without the place in it."""
    chosen = [(name, values) for name, values in query.lists() if name != "cursor" and any(values)]
    return urlencode(chosen, doseq=True)


def moment(query: QueryDict, name: str) -> datetime.datetime | None:
    """A time from the address, as ISO 8601 and in UTC unless it says otherwise; InvalidError for what is none."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"Write a time as 2026-01-31T18:00, not {text[:40]!r}.", attr=name) from error
    if not _FIRST_YEAR < found.year < datetime.MAXYEAR:
        raise InvalidError(f"No run was ever made in {found.year}.", attr=name)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


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
