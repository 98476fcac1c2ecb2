"""Automation: every schedule, sensor and set of automation conditions of a deployment, turned on and off in place."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from controlplane.automation.conditions import selectors as conditions
from controlplane.automation.conditions import services as pausing
from controlplane.automation.instigators import selectors, services
from controlplane.automation.instigators.running import CONDITION_SENSORS, EVALUATED_HERE
from controlplane.automation.instigators.selectors import WRITES, InstigatorFilter, InstigatorView
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.ui.instigator_lines import InstigatorLine
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.errors import InvalidError
from tenants.paging import page_of_rows
from tenants.permissions import Permission
from tenants.scoping import read_scope

_ROWS = 50
# More at once would be no decision but an accident.
_MOST_AT_ONCE = 1000
KINDS = {"schedule": "Schedules", "sensor": "Sensors", "conditions": "Automation conditions"}
# Those of deleted code locations are history: they are listed only when they are asked for.
_DELETED = "deleted"
STATES = {
    "on": "On",
    "off": "Off",
    "failing": "Failing",
    "missed": "Missing ticks",
    "gone": "Not defined any more",
    _DELETED: "Of deleted code locations",
}


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to; empty means all."""

    q: str = ""
    kind: str = ""
    location: str = ""
    state: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Wanted":
        """InvalidError for a kind or state that there is not."""
        wanted = cls(**{name: query.get(name, "").strip() for name in ("q", "kind", "location", "state")})
        for name, value, known in (("kind", wanted.kind, KINDS), ("state", wanted.state, STATES)):
            if value and value not in known:
                raise InvalidError(f"{value[:40]!r} is none of {', '.join(known)}.", attr=name)
        return wanted

    @property
    def is_everything(self) -> bool:
        return self == Wanted()

    def rows(self, page: DeploymentPage) -> QuerySet[Instigator]:
        """Those of them that the person sees; call it inside org_scope or read_scope."""
        kinds = {
            "schedule": InstigatorKind.SCHEDULE,
            "sensor": InstigatorKind.SENSOR,
            "conditions": InstigatorKind.SENSOR,
        }
        found = selectors.rows(
            page.visible,
            InstigatorFilter(
                kind=kinds.get(self.kind),
                location=self.location or None,
                running={"on": True, "off": False}.get(self.state),
                defined={"gone": False, "off": True}.get(self.state),
                deleted=self.state == _DELETED,
                text=self.q,
            ),
        )
        if self.kind == "conditions":
            found = found.filter(sensor_type__in=CONDITION_SENSORS)
        elif self.kind == "sensor":
            found = found.exclude(sensor_type__in=CONDITION_SENSORS)
        if self.state == "failing":
            found = found.filter(failures_in_a_row__gt=0)
        return found.filter(missed_from__isnull=False) if self.state == "missed" else found


class AutomationPage(DeploymentPage):
    """What these pages share."""

    section = "automation"

    def line(self, view: InstigatorView) -> InstigatorLine:
        right = WRITES[InstigatorKind(view.row.kind)]
        return InstigatorLine(view, may_write=selectors.may(self.visible, right, view.row))


class Automation(AutomationPage):
    """The list, by name."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        wanted = Wanted.of(request.GET)
        with read_scope(self.org_id):
            rows = wanted.rows(self)
            page = page_of_rows(rows, asked(request, size=_ROWS), by=("name", "id"))
            found, total = rows.count(), selectors.rows(self.visible, InstigatorFilter(deleted=False)).count()
        lines = [self.line(view) for view in selectors.views(self.visible, page.results)]
        context: dict[str, Any] = {"page": page, "lines": lines, "found": found, "total": total, "wanted": wanted}
        context["writes_some"] = any(line.may_write for line in lines)
        if wants_part(request, "automation-list"):
            return self.render_part(request, "automation/_list.html", **context)
        with read_scope(self.org_id):
            known = selectors.rows(self.visible, InstigatorFilter(deleted=False))
            has_conditions = known.filter(sensor_type=EVALUATED_HERE).exists()
            has_history = not total and selectors.rows(self.visible, InstigatorFilter(deleted=True)).exists()
        return self.render(
            request,
            "automation/list.html",
            **context,
            locations=[row.name for row in self.visible.code_locations()],
            has_history=has_history,
            kinds=KINDS,
            states=STATES,
            evaluator=conditions.evaluator(self.visible) if has_conditions else None,
            pauses=conditions.may_pause(self.visible),
        )


class PauseConditions(AutomationPage):
    """Evaluate no condition of the deployment, or evaluate them again."""

    permissions: ClassVar = {"POST": Permission.SENSOR_WRITE}

    def post(self, request: HttpRequest) -> HttpResponse:
        self.visible.require_on_all(Permission.SENSOR_WRITE)
        change = {"pause": pausing.pause, "resume": pausing.resume}.get(request.POST.get("do", ""))
        if change is None:
            raise InvalidError("Say whether to pause or to resume them.", attr="do")
        changed = change(org_id=self.org_id, deployment_id=self.deployment.id, actor=self.access.actor)
        messages.success(request, f"Automation conditions are {'paused' if changed.is_paused else 'evaluated again'}.")
        return redirect(self.links.page("automation"))


class SwitchMany(AutomationPage):
    """Turn on or off all that the list shows and the person may switch."""

    permissions: ClassVar = {"POST": Permission.JOB_READ}

    def post(self, request: HttpRequest) -> HttpResponse:
        query = QueryDict(request.POST.get("query", "")[:2000])
        switch = {"start": services.start_all, "stop": services.stop_all}.get(request.POST.get("do", ""))
        if switch is None:
            raise InvalidError("Say whether to start or to stop them.", attr="do")
        with read_scope(self.org_id):
            rows = list(Wanted.of(query).rows(self).order_by("name", "id")[: _MOST_AT_ONCE + 1])
        if len(rows) > _MOST_AT_ONCE:
            raise InvalidError(f"At most {_MOST_AT_ONCE} are switched at once: narrow the list first.")
        mine = [row for row in rows if self.line_of(row).may_write]
        changed = switch(self.visible, mine, actor=self.access.actor)
        word = "on" if request.POST["do"] == "start" else "off"
        left = f" {len(rows) - len(changed)} were left as they are." if len(changed) < len(rows) else ""
        messages.success(request, f"{len(changed)} turned {word}.{left}")
        return redirect(self.links.page("automation", query={name: value for name, value in query.items() if value}))

    def line_of(self, row: Instigator) -> InstigatorLine:
        return self.line(InstigatorView(row, None, None, is_whole=False))
