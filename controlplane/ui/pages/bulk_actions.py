"""The same done to many runs: what would change is said and confirmed, then how far it is."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from controlplane.runs import bulk_actions
from controlplane.runs.bulk_actions import Outlook, Wanted
from controlplane.runs.models import BulkAction, BulkKind
from controlplane.runs.selectors import some_runs
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.pages.runs import read_filter
from tenants.errors import InvalidError
from tenants.permissions import Permission

# As many as one page of the list has.
_CHOSEN_MAX = 500
_QUERY_MAX = 4000


class NewBulkAction(DeploymentPage):
    """Says what would be done (GET), and does it (POST). The right of each kind is asked for when it is known."""

    permissions: ClassVar = {"GET": Permission.RUN_READ, "POST": Permission.RUN_READ}
    section = "runs"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._confirm(request, request.GET)

    def post(self, request: HttpRequest) -> HttpResponse:
        given = request.POST
        kind, wanted = self._asked(given)
        if given.get("newest"):
            wanted = Wanted(wanted.run_ids, wanted.filters, _id(given["newest"]))
        # What was confirmed was a number: more than that is asked about again.
        if bulk_actions.outlook(self.visible, kind, wanted).total > _number(given.get("total", "0")):
            return self._confirm(request, given, changed=True)
        action = bulk_actions.start(self.visible, kind, wanted, actor=self.access.actor)
        return redirect(self.links.page("bulk-action", bulk_action_id=action.id))

    def _asked(self, given: QueryDict) -> tuple[BulkKind, Wanted]:
        try:
            kind = BulkKind(given.get("kind", ""))
        except ValueError as error:
            raise InvalidError(f"Say what to do: {', '.join(BulkKind.values)}.", attr="kind") from error
        self.access.require(bulk_actions.RIGHTS[kind])
        if given.get("all"):
            return kind, Wanted(filters=read_filter(QueryDict(given.get("query", "")[:_QUERY_MAX])))
        return kind, Wanted([_id(text) for text in given.getlist("run")[:_CHOSEN_MAX]])

    def _confirm(self, request: HttpRequest, given: QueryDict, *, changed: bool = False) -> HttpResponse:
        kind, wanted = self._asked(given)
        outlook = bulk_actions.outlook(self.visible, kind, wanted)
        context: dict[str, Any] = {"kind": kind, "outlook": outlook, "most": bulk_actions.RUNS_MAX, "changed": changed}
        context |= {"is_too_many": outlook.total > bulk_actions.RUNS_MAX, "changes": _changes(kind, outlook)}
        context |= {"all": bool(given.get("all")), "run_ids": wanted.run_ids or [], "query": given.get("query", "")}
        context["back"] = f"{self.links.page('runs')}?{given.get('query', '')[:_QUERY_MAX]}"
        return self.render(request, "bulk/confirm.html", **context)


class BulkActionPage(DeploymentPage):
    """How far it is, and what was left as it was."""

    permissions: ClassVar = {"GET": Permission.RUN_READ}
    section = "runs"

    def get(self, request: HttpRequest, bulk_action_id: UUID) -> HttpResponse:
        action = bulk_actions.bulk_action(self.visible, bulk_action_id)
        context: dict[str, Any] = {"action": action, "left": self._left(action), "over": action.done + action.skipped}
        if wants_part(request, "bulk-state"):
            return self.render_part(request, "bulk/_state.html", **context)
        return self.render(request, "bulk/action.html", **context)

    def _left(self, action: BulkAction) -> list[dict[str, Any]]:
        """Those of the first few that were left, that the person sees."""
        seen = {str(run.id): run for run in some_runs(self.visible, [UUID(one["run"]) for one in action.skipped_why])}
        return [{"run": seen[one["run"]], "why": one["why"]} for one in action.skipped_why if one["run"] in seen]


def _changes(kind: BulkKind, outlook: Outlook) -> list[str]:
    """What will be otherwise, in sentences."""
    going_on, ended = outlook.going_on, outlook.ended
    said = {
        BulkKind.CANCEL: [
            f"{_runs(going_on)} will be cancelled: what waits at once, what goes on by its agent.",
            *([f"{_runs(ended)} that ended already will be left as is."] if ended else []),
        ],
        BulkKind.REEXECUTE: [
            f"Up to {_runs(outlook.total)} will be launched, with all steps of those that are chosen."
        ],
        BulkKind.REEXECUTE_FROM_FAILURE: [
            f"Up to {_runs(outlook.total)} will be launched, with the steps that failed or were not reached.",
            "What succeeded whole, or has not ended, will be left as it is.",
        ],
        BulkKind.DELETE: [
            f"{_runs(ended)} will be deleted with their events and output, for good. What they made stays in the catalog.",
            *([f"{_runs(going_on)} not over yet will be left as is."] if going_on else []),
        ],
    }[kind]
    refused = (
        [f"{_runs(outlook.refused)} of these you may not do this to: they are left out."] if outlook.refused else []
    )
    return [*said, *refused]


def _runs(number: int) -> str:
    return f"{number:,} run" if number == 1 else f"{number:,} runs"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidError(f"{text[:40]!r} is not the id of a run.", attr="run") from error


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
