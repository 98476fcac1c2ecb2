"""What the pages of one run share: finding it, and what its head says."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from controlplane.catalog.blocking_checks import Blocked, blocked_steps, failed_blocking_checks
from controlplane.fleet import selectors as fleet
from controlplane.runs import selectors as runs
from controlplane.runs import step_selectors as steps
from controlplane.runs.deleted_history import deleted_parts
from controlplane.runs.models import Run, RunAttempt
from controlplane.runs.states import RunStatus
from controlplane.runs.visible_runs import is_covered, require_on_run
from controlplane.runs.waiting_seen import seen_reason
from controlplane.ui.pages.base import DeploymentPage
from tenants.errors import NotFoundError
from tenants.permissions import Permission

# What the buttons of a run do.
_ACTIONS = (Permission.RUN_LAUNCH, Permission.RUN_CANCEL, Permission.RUN_DELETE)


@dataclass(frozen=True)
class Phase:
    """A stretch of a run's life; `running`: it goes on, and `end` is now."""

    name: str
    meaning: str
    begin: datetime.datetime
    end: datetime.datetime
    running: bool

    @property
    def seconds(self) -> float:
        return max(0.0, (self.end - self.begin).total_seconds())


class RunBase(DeploymentPage):
    """A page about one run of this deployment."""

    section = "runs"

    def open_run(self, run_id: UUID) -> Run:
        """The run; NotFoundError when the person sees none by this id in this deployment, ForbiddenError when they may not do this to it."""
        run = runs.run(self.visible, run_id)
        require_on_run(self.visible, self.permission, run)
        return run

    def head(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        """What `runs/_head.html` needs."""
        attempts = runs.attempts(self.org_id, run.id)
        group = runs.run_group(self.visible, run)
        return {
            "run": run,
            "ended": run.ended_at is not None,
            "attempt": attempts[-1] if attempts else None,
            "mode": mode_of(attempts[-1] if attempts else None),
            "phases": phases(run, attempts[-1] if attempts else None),
            "waiting": seen_reason(self.visible, run),
            "deleted": deleted_parts(run),
            "blocked": self._blocked(run),
            "agent": self._agent_name(run),
            "others": [other for other in group if other.id != run.id],
            "can_resume": run.status == RunStatus.FAILURE and run.steps_succeeded > 0,
            "tab": request.GET.get("tab", ""),
            "may": self.may_with() | {right.name.lower(): is_covered(self.visible, right, run) for right in _ACTIONS},
        }

    def _blocked(self, run: Run) -> list[Blocked]:
        """The blocking checks that failed in it, with the steps that never ran for that."""
        if run.status != RunStatus.FAILURE:
            return []
        checks = failed_blocking_checks(self.visible, run.id)
        return blocked_steps(checks, steps.steps(self.org_id, run.id)) if checks else []

    def _agent_name(self, run: Run) -> str:
        if run.agent_id is None:
            return ""
        try:
            return fleet.agent(self.org_id, run.agent_id).agent.name
        except NotFoundError:
            return "an agent that is gone"


def phases(run: Run, attempt: RunAttempt | None) -> list[Phase]:
    """What it went through so far, each from when to when; a phase whose end nobody heard of is one with the next."""
    now = timezone.now()
    process = attempt.started_at if attempt is not None and run.claimed_at is not None else None
    marks = [
        ("queued", "In the queue until an agent took it", run.created_at),
        ("provisioning", "Handed to the agent, which starts its process", run.claimed_at),
        ("starting", "Its process loads the code", process),
        ("running", "Its steps run", run.started_at),
    ]
    known = [(name, meaning, at) for name, meaning, at in marks if at is not None]
    ends = [at for _name, _meaning, at in known[1:]] + [run.ended_at or now]
    return [
        Phase(name, meaning, begin, max(begin, end), running=end is now)
        for (name, meaning, begin), end in zip(known, ends, strict=True)
    ]


def mode_of(attempt: RunAttempt | None) -> str:
    """How the attempt's process was started, in words."""
    return _MODES.get(attempt.mode, attempt.mode) if attempt else ""


_MODES = {
    "warm": "warm: forked from a process that had loaded the code",
    "lukewarm": "lukewarm: forked from a process that had loaded dagster only",
    "cold": "cold: in a new process",
}
