"""The run timeline: what ran, runs and will run, by job, launcher, code location or owner; all that is shown is in the address."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from controlplane.runs import timeline
from controlplane.runs.states import RunStatus
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.pages.runs import read_filter
from controlplane.ui.timeline_lanes import GROUPS, picture
from controlplane.ui.timeline_ticks import coming_ticks
from controlplane.ui.timeline_window import RANGES, Window, as_text, read_window
from tenants.errors import InvalidError
from tenants.permissions import Permission

_WINDOW_NAMES = {"range", "from", "to"}
_LEGEND = [RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED, RunStatus.STARTED, RunStatus.QUEUED]
_VIEW_NAMES = {*_WINDOW_NAMES, "group"}


class Timeline(DeploymentPage):
    """The picture, and a table of the same."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "timeline"

    def get(self, request: HttpRequest) -> HttpResponse:
        query = request.GET
        window, filters, group = read_window(query, timezone.now()), read_filter(query), _group(query)
        runs, is_cut = timeline.stretches(self.visible, filters, window.since, window.until)
        ticks = coming_ticks(self.visible, filters, window.now, window.until)
        context: dict[str, Any] = {
            "window": window,
            "picture": picture(runs, ticks, group, window, self.links),
            "is_cut": is_cut,
            "group": group,
            "legend": _LEGEND,
            "moves": _moves(query, window),
            "filtered": any(name not in _VIEW_NAMES and value for name, value in query.items()),
        }
        if wants_part(request, "timeline"):
            return self.render_part(request, "timeline/_picture.html", **context)
        custom = {"from": as_text(window.since), "to": as_text(window.until)} if not window.name else {}
        context |= {"groups": GROUPS, "statuses": list(RunStatus), "custom": custom}
        return self.render(request, "timeline/timeline.html", **context, locations=self.visible.code_locations())


def _group(query: QueryDict) -> str:
    group = query.get("group") or "job"
    if group not in GROUPS:
        raise InvalidError(f"{group[:20]!r} is none of {', '.join(GROUPS)}.", attr="group")
    return group


def _moves(query: QueryDict, window: Window) -> dict[str, Any]:
    """Addresses of the same with another window."""
    kept = [(name, value) for name, values in query.lists() if name not in _WINDOW_NAMES for value in values if value]

    def address(asked: dict[str, str]) -> str:
        return f"?{urlencode([*kept, *asked.items()])}"

    return {
        "earlier": address(window.moved(-0.5).query),
        "later": address(window.moved(0.5).query),
        "closer": address(window.zoomed(0.5).query),
        "wider": address(window.zoomed(2).query),
        "ranges": [(name, address({"range": name}), name == window.name) for name in RANGES],
    }
