"""One run: its head, its steps over time, its events; and what can be done with it."""

import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from controlplane.insights.selectors import run_memory_peak
from controlplane.runs import event_selectors as events
from controlplane.runs import step_selectors as steps
from controlplane.runs.errors import NotResumableError, RunEndedError
from controlplane.runs.event_selectors import EventFilter, Place
from controlplane.runs.launching import cancel, launch_again
from controlplane.runs.models import Run, RunEvent
from controlplane.runs.step_selectors import StepView
from controlplane.ui.numbers import number
from controlplane.ui.pages.base import wants_part
from controlplane.ui.pages.run_base import RunBase
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission

_LEVELS = (("", "All levels"), ("20", "Info and above"), ("30", "Warnings and errors"), ("40", "Errors"))
# Events and steps in the page itself, for when scripts do not run.
_PLAIN_EVENTS = 100
_PAGE_MAX = 500
_COUNTED = 100_000
_MESSAGE_SHOWN = 600


class RunPage(RunBase):
    """The run's first page."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        found = steps.steps(self.org_id, run.id)
        if wants_part(request, "steps-table"):
            return self.render_part(request, "runs/_steps.html", run=run, steps=found)
        page = events.events(self.org_id, run.id, EventFilter(attempt=run.attempt), limit=_PLAIN_EVENTS)
        return self.render(
            request,
            "runs/run.html",
            **self.head(request, run),
            steps=found,
            events=page,
            levels=_LEVELS,
            level=request.GET.get("level", ""),
            step=request.GET.get("step", ""),
            q=request.GET.get("q", ""),
            peak=run_memory_peak(self.org_id, run.id),
        )


class RunHead(RunBase):
    """The head alone, again and again while the run goes on."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        return self.render_part(request, "runs/_head.html", **self.head(request, run))


class RunSteps(RunBase):
    """The steps with their times, for the Gantt chart."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, _request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        times = ("created_at", "claimed_at", "started_at", "ended_at")
        document = {
            "now": timezone.now().isoformat(),
            "run": {"status": run.status, **{name: _iso(getattr(run, name)) for name in times}},
            "steps": [_step(view) for view in steps.steps(self.org_id, run.id)],
        }
        return JsonResponse(document)


class RunEvents(RunBase):
    """A page of events for the event log: behind a seq, filtered."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        after = number(request, "after", 0)
        limit = min(number(request, "limit", 200), _PAGE_MAX)
        step = request.GET.get("step", "")
        wanted = EventFilter(
            level=number(request, "level", 0) or None,
            steps=[step] if step else [],
            text=request.GET.get("q", "").strip(),
            attempt=run.attempt,
        )
        page = events.events(self.org_id, run.id, wanted, after=Place(run.attempt, after), limit=limit)
        total = self._last_seq(run)
        return JsonResponse({"events": [_event(one) for one in page.events], "total": total, "more": page.has_more})

    def _last_seq(self, run: Run) -> int:
        """How many events the attempt has: its seqs have no gaps."""
        last = events.events(
            self.org_id, run.id, EventFilter(attempt=run.attempt), before=Place(run.attempt + 1, 0), limit=1
        )
        return last.events[-1].seq if last.events else 0


class RunEventDetail(RunBase):
    """One event in full."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID, seq: int) -> HttpResponse:
        run = self.open_run(run_id)
        event = events.event(self.org_id, run.id, Place(run.attempt, min(seq, 2**63 - 1)))
        if event is None:
            raise NotFoundError("There is no such event.")
        event = events.without_hidden_inputs(self.visible, event)
        return self.render_part(request, "runs/_event.html", event=event, run=run)


class RunConfig(RunBase):
    """Config, tags and selection, as they were asked for."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}

    def get(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        return self.render(request, "runs/config.html", **self.head(request, run))


class CancelRun(RunBase):
    """Cancels the run."""

    permissions: ClassVar = {"POST": Permission.RUN_CANCEL}

    def post(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        try:
            cancel(self.visible, run, actor=self.access.actor)
        except RunEndedError as error:
            messages.info(request, error.message)
        if request.headers.get("HX-Request") == "true":
            return self.render_part(request, "runs/_head.html", **self.head(request, self.open_run(run_id)))
        return redirect(self.links.run(run.id))


class ReexecuteRun(RunBase):
    """Runs it again: all of it, or from where it failed."""

    permissions: ClassVar = {"POST": Permission.RUN_LAUNCH}

    def post(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        run = self.open_run(run_id)
        from_failure = request.POST.get("from") == "failure"
        try:
            new = launch_again(self.visible, run, from_failure=from_failure, actor=self.access.actor)
        except (NotResumableError, InvalidError) as error:
            messages.error(request, error.message)
            return redirect(self.links.run(run.id))
        return redirect(self.links.run(new.id))


def _iso(at: datetime.datetime | None) -> str | None:
    return at.isoformat() if at else None


def _step(view: StepView) -> dict[str, Any]:
    times = ("ready_at", "launched_at", "started_at", "ended_at")
    return {
        "key": view.key,
        "status": view.status,
        "tries": view.tries,
        **{name: _iso(getattr(view, name)) for name in times},
    }


def _event(event: RunEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "type": event.type,
        "level": event.level,
        "step": event.step_key,
        "message": event.message[:_MESSAGE_SHOWN] or _error_line(event.error),
    }


def _error_line(error: dict[str, Any] | None) -> str:
    return str(error.get("message", ""))[:_MESSAGE_SHOWN] if error else ""
