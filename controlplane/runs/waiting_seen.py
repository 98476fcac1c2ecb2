"""Reasons for waiting as one caller may know them: a run that is hidden from them is not named."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from controlplane.deployments.visibility import Visible
from controlplane.runs.models import Run
from controlplane.runs.selectors import some_runs
from controlplane.runs.waiting import waiting_reason
from controlplane.runs.waiting_codes import WaitingReason


def seen(visible: Visible, reasons: Mapping[UUID, WaitingReason]) -> dict[UUID, WaitingReason]:
    """The same reasons with the holders that the caller sees."""
    named = {holder for reason in reasons.values() for holder in reason.holders}
    shown = {run.id for run in some_runs(visible, named)} if named else set()
    return {
        run_id: replace(reason, holders=tuple(holder for holder in reason.holders if holder in shown))
        for run_id, reason in reasons.items()
    }


def seen_reason(visible: Visible, run: Run) -> WaitingReason | None:
    """Why this run waits; None when it does not."""
    reason = waiting_reason(run)
    return seen(visible, {run.id: reason})[run.id] if reason else None
