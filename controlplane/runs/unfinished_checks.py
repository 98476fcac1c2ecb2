"""Checks that a continued run runs again: without a blocking one that failed, what is behind it would be made after all."""

from collections.abc import Collection
from typing import Any

from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.runs.models import Run, RunEvent, Step
from controlplane.runs.states import StepStatus

_STARTED = "PIPELINE_START"


def unfinished_checks(run: Run, left: Collection[str]) -> list[str] | None:
    """All checks to be selected beside the assets that are left; None where these bring all that is needed."""
    plan = _plan(run)
    steps = Step.objects.for_org(run.org_id).filter(run_id=run.id, attempt=run.attempt)
    succeeded = set(steps.filter(status=StepStatus.SUCCESS).values_list("step_key", flat=True))
    of_left: list[str] = []
    failed: list[str] = []
    for step in plan:
        for parts, name in step.get("checks") or ():
            if to_text(parts) in left:
                of_left.append(check_text(parts, name))
            elif step["step"] not in succeeded:
                failed.append(check_text(parts, name))
    return sorted({*failed, *of_left}) if failed else None


def _plan(run: Run) -> list[dict[str, Any]]:
    """The steps as the run began with them; none where its events are gone."""
    events = RunEvent.objects.for_org(run.org_id).filter(run_id=run.id, attempt=run.attempt, type=_STARTED)
    data = events.values_list("data", flat=True).first() or {}
    return list(data.get("plan") or ())
