"""One schedule or sensor: what it starts and when, its ticks, its cursor, and a tick for trying out."""

import datetime
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from controlplane.automation.conditions.of_sensor import changes_waiting, conditioned, standings
from controlplane.automation.conditions.selectors import evaluator, may_pause
from controlplane.automation.instigators import selectors, services
from controlplane.automation.models import Instigator, InstigatorKind, TickStatus
from controlplane.automation.requests import SENSOR_TAG
from controlplane.automation.ticks import by_hand
from controlplane.automation.ticks.selectors import TickFilter, shown, ticks
from controlplane.core.time_zones import time_zone
from controlplane.definitions.manifest import Sensor
from controlplane.deployments.models import DeploymentKind
from controlplane.runs import selectors as runs
from controlplane.runs.selectors import RunFilter
from controlplane.ui.instigator_lines import InstigatorLine, TickLine, unserved
from controlplane.ui.pages.automation import AutomationPage
from controlplane.ui.pages.base import wants_part
from controlplane.ui.paging import asked
from tenants.errors import AppError, ConflictError, InvalidError
from tenants.paging import page_of_list, page_of_rows
from tenants.permissions import Permission
from tenants.scoping import read_scope

_TICKS = 25
_STRIP = 60
_CONDITIONS = 50
_RUNS = 10


class InstigatorPage(AutomationPage):
    """The page; its forms are the classes below."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}

    def get(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        status = request.GET.get("status", "")
        if status and status not in TickStatus.values:
            raise InvalidError(f"There is no status of ticks {status[:40]!r}.", attr="status")
        if wants_part(request, "tick-list"):
            return self.render_part(request, "automation/_ticks.html", row=row, **self._ticks(request, row, status))
        if wants_part(request, "test-form"):
            return self.render_part(request, "automation/_test_form.html", row=row, line=self._line(row))
        return self.shown(request, row, status_filter=status)

    def shown(self, request: HttpRequest, row: Instigator, *, status_filter: str = "", **context: Any) -> HttpResponse:
        line = self._line(row)
        may_cursor = selectors.may(self.visible, Permission.SENSOR_CURSOR_WRITE, row)
        strip = self._strip(row)
        return self.render(
            request,
            "automation/instigator.html",
            line=line,
            row=row,
            coming=[line.local(at) for at in selectors.coming_ticks(row, 5 if line.is_schedule else 1)],
            may_cursor=may_cursor and row.kind == InstigatorKind.SENSOR and line.has_ticks,
            is_branch=self.deployment.kind == DeploymentKind.BRANCH,
            strip=strip,
            unserved=unserved(strip),
            statuses=[(status.value, status.label) for status in TickStatus],
            **(self._ticks(request, row, status_filter) if line.has_ticks else self._conditions(request, line)),
            **context,
        )

    def _line(self, row: Instigator) -> InstigatorLine:
        return self.line(selectors.view(self.visible, row))

    def _ticks(self, request: HttpRequest, row: Instigator, status: str) -> dict[str, Any]:
        wanted = TickFilter(statuses=[TickStatus(status)] if status else [])
        with read_scope(self.org_id):
            found = ticks(self.visible, row, wanted).defer("log")
            page = page_of_rows(found, asked(request, size=_TICKS), by=("-id",))
        lines = [TickLine(shown(self.visible, tick)) for tick in page.results]
        is_whole = selectors.sees_all(self.visible, row.location_name)
        return {"page": page, "ticks": lines, "status_filter": status, "is_whole": is_whole}

    def _conditions(self, request: HttpRequest, line: InstigatorLine) -> dict[str, Any]:
        """What it evaluates, where each of that is, and the newest runs that came of it."""
        definition = line.view.definition
        found = conditioned(self.visible, line.row, definition if isinstance(definition, Sensor) else None)
        page = page_of_list(found, asked(request, size=_CONDITIONS), key=lambda one: (one.asset, one.check))
        tags = {SENSOR_TAG: line.row.name}
        wanted = RunFilter(location=line.row.location_name, tags=tags)
        return {
            "page": page,
            "standings": standings(self.visible, page.results),
            "conditioned": len(found),
            "runs": runs.runs(self.visible, wanted, limit=_RUNS).runs,
            "runs_tag": f"{SENSOR_TAG}={line.row.name}",
            "evaluator": evaluator(self.visible),
            "pauses": may_pause(self.visible),
            "waiting": changes_waiting(self.visible),
        }

    def _strip(self, row: Instigator) -> list[TickLine]:
        """The newest, in the order in which they were due."""
        with read_scope(self.org_id):
            newest = list(ticks(self.visible, row).defer("log").order_by("-id")[:_STRIP])
        return [TickLine(shown(self.visible, tick)) for tick in reversed(newest)]


class Named(AutomationPage):
    """Leads from the name of a schedule or sensor to its page."""

    permissions: ClassVar = {"GET": Permission.JOB_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        kind = request.GET.get("kind", "")
        if kind not in InstigatorKind.values:
            raise InvalidError(f"The kind is one of {', '.join(InstigatorKind.values)}.", attr="kind")
        location, name = request.GET.get("location", ""), request.GET.get("name", "")
        row = selectors.instigator(self.visible, InstigatorKind(kind), location, name)
        return redirect(self.links.page("instigator", instigator_id=row.id))


class _Form(InstigatorPage):
    """A form of the page. What is refused is shown on it, with what was typed."""

    permissions: ClassVar = {"GET": Permission.JOB_READ, "POST": Permission.JOB_READ}

    def get(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        return redirect(self.links.page("instigator", instigator_id=row.id))


class Switch(_Form):
    """Turn it on, off, on for a while, or leave it to its code; in the list, its row is the answer."""

    def post(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        act = _SWITCHES.get(request.POST.get("do", ""))
        if act is None:
            raise InvalidError(f"What can be done is: {', '.join(_SWITCHES)}.", attr="do")
        try:
            changed = act(self, request, row)
        except (InvalidError, ConflictError) as error:
            if request.headers.get("HX-Request") == "true":
                raise
            return self.shown(request, row, refused={"part": "switch", "message": error.message, "typed": request.POST})
        if request.headers.get("HX-Request") == "true":
            return self.render_part(
                request, "automation/_row.html", line=self.line(selectors.view(self.visible, changed))
            )
        return redirect(self.links.page("instigator", instigator_id=instigator_id))


def _start_for(page: AutomationPage, request: HttpRequest, row: Instigator) -> Instigator:
    minutes, most = _number(request, "minutes"), _number(request, "ticks")
    return services.start_for(page.visible, row, minutes=minutes, ticks=most, actor=page.access.actor)


_SWITCHES: dict[str, Callable[[AutomationPage, HttpRequest, Instigator], Instigator]] = {
    "start": lambda page, _, row: services.start(page.visible, row, actor=page.access.actor),
    "stop": lambda page, _, row: services.stop(page.visible, row, actor=page.access.actor),
    "reset": lambda page, _, row: services.reset(page.visible, row, actor=page.access.actor),
    "start_for": _start_for,
}


class Cursor(_Form):
    """Let a sensor go on from somewhere else."""

    def post(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        clears = request.POST.get("do") == "clear"
        cursor = None if clears else request.POST.get("cursor", "").replace("\r\n", "\n")
        try:
            services.set_cursor(self.visible, row, cursor=cursor, actor=self.access.actor)
        except InvalidError as error:
            return self.shown(request, row, refused={"part": "cursor", "message": error.message, "typed": request.POST})
        messages.success(request, "The cursor is cleared." if clears else "The cursor is set.")
        return redirect(self.links.page("instigator", instigator_id=instigator_id))


class TickNow(_Form):
    """Evaluate it once now."""

    def post(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        tick = by_hand.tick_now(self.visible, row, actor=self.access.actor)
        return redirect(self.links.page("tick", tick_id=tick.id))


class Test(_Form):
    """What a tick would do: shown, and stored nowhere."""

    # User code is waited for.
    in_one_scope = False

    def post(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        context: dict[str, Any] = {"row": row}
        try:
            context["preview"] = self._preview(request, row)
        except AppError as error:
            context["preview_refused"] = error.message
        with read_scope(self.org_id):
            if wants_part(request, "preview"):
                answer = self.render_part(request, "automation/_preview.html", **context)
            else:
                answer = self.shown(request, **context)
            # Its template reads, within this scope.
            return answer.render() if isinstance(answer, TemplateResponse) else answer

    def _preview(self, request: HttpRequest, row: Instigator) -> by_hand.Preview:
        actor = self.access.actor
        if row.kind == InstigatorKind.SCHEDULE:
            return by_hand.preview(self.visible, row, actor=actor, due=_moment(request.POST.get("due", ""), row))
        typed, offered = (request.POST.get(name, "").replace("\r\n", "\n") for name in ("cursor", "offered"))
        # What nobody changed is the stored cursor, which may have moved on since the form was read.
        return by_hand.preview(self.visible, row, actor=actor, cursor=typed or None, use_cursor=typed != offered)


class Apply(_Form):
    """Launch exactly what a preview showed, and set its cursor."""

    def post(self, request: HttpRequest, instigator_id: UUID) -> HttpResponse:
        row = selectors.instigator_by_id(self.visible, instigator_id)
        token = request.POST.get("token", "")
        tick = by_hand.apply_preview(self.visible, token, actor=self.access.actor, row=row)
        messages.success(request, "Applied as it was shown.")
        return redirect(self.links.page("tick", tick_id=tick.id))


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise InvalidError(f"{name.capitalize()} are a whole number.", attr=name)
    return int(text)


def _moment(text: str, row: Instigator) -> datetime.datetime | None:
    """A time of the schedule's own time zone; None for now."""
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=time_zone(row.timezone or "UTC"))
    except ValueError as error:
        raise InvalidError(f"{text[:40]!r} is no date and time like 2026-01-31T06:00.", attr="due") from error
