"""Backfills: their list, one of them live, and what is done with it."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.automation.backfills import control, selectors
from controlplane.automation.backfills.retrying import retry
from controlplane.automation.backfills.selectors import BackfillFilter
from controlplane.automation.models import (
    OPEN_BACKFILLS,
    Backfill,
    BackfillPartition,
    BackfillStatus,
    PartitionProgress,
)
from controlplane.runs.selectors import some_runs
from controlplane.runs.visible_runs import covered_runs
from controlplane.ui.backfill_lines import BackfillLine, matrix, partition_lines
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.errors import AppError, InvalidError
from tenants.paging import PageRequest, decode_cursor, page_of_list, page_of_rows
from tenants.permissions import Permission
from tenants.scoping import org_scope

_ROWS = 25
_ASSETS = 20
_PARTITIONS = 50
_RUNS = 10
_OPEN = "open"
_ALL = "all"


class Backfills(DeploymentPage):
    """The backfills of a deployment, the newest first."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "backfills"

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("asset", "job", "by")
        text = {name: request.GET.get(name, "").strip() for name in names}
        wanted = BackfillFilter(
            status=_statuses(request.GET.get("status", "")),
            asset=text["asset"],
            job=text["job"],
            launched_by=text["by"],
        )
        with org_scope(self.org_id):
            rows = selectors.backfills(self.visible, wanted).defer("run_config")
            page = page_of_rows(rows, asked(request, size=_ROWS), by=["-id"])
        context: dict[str, Any] = {
            "page": page,
            "lines": [BackfillLine(row) for row in page.results],
            "filtered": any(text.values()) or bool(request.GET.get("status")),
            "statuses": list(BackfillStatus),
        }
        if wants_part(request, "backfill-list"):
            return self.render_part(request, "backfills/_list.html", **context)
        return self.render(request, "backfills/list.html", **context)


def _statuses(text: str) -> tuple[str, ...]:
    if text == _OPEN:
        return tuple(status.value for status in OPEN_BACKFILLS)
    if text and text not in BackfillStatus.values:
        raise InvalidError(f"There is no backfill status {text[:40]}.", attr="status")
    return (text,) if text else ()


class BackfillPage(DeploymentPage):
    """One backfill, live."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "backfills"

    def get(self, request: HttpRequest, backfill_id: UUID) -> HttpResponse:
        found = selectors.backfill(self.visible, backfill_id)
        context = self.state(request, found)
        if wants_part(request, "backfill-state"):
            return self.render_part(request, "backfills/_state.html", **context)
        return self.render(request, "backfills/backfill.html", **context)

    def state(self, request: HttpRequest, found: Backfill) -> dict[str, Any]:
        progress = selectors.progress(found)
        order = {one.asset_key: place for place, one in enumerate(progress)}
        shown = page_of_list(progress, self._assets_asked(request), key=lambda one: (order[one.asset_key],))
        stretches = selectors.stretches(found, [one.asset_key for one in shown.results])
        parent = self._seen(found.parent_id)
        with org_scope(self.org_id):
            runs = covered_runs(self.visible, Permission.RUN_READ, selectors.runs_of(found))
            newest = list(runs.defer("run_config").order_by("-id")[:_RUNS])
            children = list(selectors.backfills(self.visible).filter(parent_id=found.id).order_by("id")[:20])
        return {
            "line": BackfillLine(found),
            "backfill": found,
            "rows": matrix(shown.results, stretches),
            "assets_page": shown,
            "asset_total": len(progress),
            "runs": newest,
            "parent": BackfillLine(parent) if parent else None,
            "children": [BackfillLine(child) for child in children],
            "may_act": selectors.permits(self.visible, Permission.BACKFILL_LAUNCH, found),
            "states": [(state, found.counts.get(state, 0)) for state in PartitionProgress],
            **self._partitions(request, found),
        }

    def _partitions(self, request: HttpRequest, found: Backfill) -> dict[str, Any]:
        """What failed where something did, else all; or what is asked for."""
        state = request.GET.get("state") or (PartitionProgress.FAILED if BackfillLine(found).failed else _ALL)
        if state not in {*PartitionProgress.values, _ALL}:
            raise InvalidError(f"There is no state {state[:40]} of a partition.", attr="state")
        asset = request.GET.get("of")
        with org_scope(self.org_id):
            rows = selectors.partitions(found, asset=asset, state="" if state == _ALL else state)
            page = page_of_rows(rows, asked(request, size=_PARTITIONS), by=["asset_key", "position", "partition_key"])
        lines = partition_lines(page.results, self._statuses_of_runs(page.results))
        return {"page": page, "partitions": lines, "state": state, "of": asset}

    def _statuses_of_runs(self, shown: Sequence[BackfillPartition]) -> dict[UUID, str]:
        """Of the runs that are under way, as far as the reader sees them."""
        going = {one.run_id for one in shown if one.run_id and one.state == PartitionProgress.REQUESTED}
        return {run.id: run.status for run in some_runs(self.visible, going)} if going else {}

    @staticmethod
    def _assets_asked(request: HttpRequest) -> PageRequest:
        text = request.GET.get("assets")
        return PageRequest(after=decode_cursor(text) if text else None, size=_ASSETS)

    def _seen(self, backfill_id: UUID | None) -> Backfill | None:
        if backfill_id is None:
            return None
        with org_scope(self.org_id):
            return selectors.backfills(self.visible).filter(id=backfill_id).first()


class ActOnBackfill(DeploymentPage):
    """Pause, resume, cancel, retry, and its priority, title and description."""

    permissions: ClassVar = {"POST": Permission.BACKFILL_LAUNCH}
    section = "backfills"

    def post(self, request: HttpRequest, backfill_id: UUID) -> HttpResponse:
        found = selectors.backfill(self.visible, backfill_id)
        try:
            shown = self._act(request, found)
        except AppError as error:
            if error.status == 403:
                raise
            messages.error(request, error.message)
            shown = found
        return redirect(self.links.page("backfill", backfill_id=shown.id))

    def _act(self, request: HttpRequest, found: Backfill) -> Backfill:
        actor = self.access.actor
        wish = request.POST.get("do", "")
        simple = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel, "retry": retry}
        if wish in simple:
            return simple[wish](self.visible, found, actor=actor)
        if wish != "change":
            raise InvalidError("This page does not know what to do: reload it and try again.", attr="do")
        return control.change(
            self.visible,
            found,
            actor=actor,
            title=request.POST.get("title"),
            description=request.POST.get("description"),
            priority=whole_number(request.POST["priority"]) if request.POST.get("priority") else None,
        )


def whole_number(text: str) -> int:
    """A typed priority; InvalidError for what is none."""
    try:
        return int(text.strip() or "0")
    except ValueError as error:
        raise InvalidError(f"A priority is a whole number, not {text[:40]!r}.", attr="priority") from error
