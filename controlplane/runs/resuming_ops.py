"""What is left of a job of ops: the steps that did not succeed. The code worker finds what the others put out (docs/code-worker.md)."""

from collections.abc import Mapping

from controlplane.runs.deleted_history import is_gone
from controlplane.runs.errors import NotResumableError
from controlplane.runs.models import Run, RunEvent, Step
from controlplane.runs.states import StepStatus

# How dagster writes a step that becomes one for each value of a dynamic output, before it is known which.
_UNRESOLVED = "[?]"
_DONE = {StepStatus.SUCCESS, StepStatus.SKIPPED}


def unfinished_steps(run: Run) -> list[str]:
    """Keys of the steps to run again, in the order of the plan; NotResumableError where nothing says what there was to do."""
    if is_gone(run, "events"):
        raise NotResumableError(
            "The events of this run were deleted, as the setting retention.events says: what its steps put out is not known any more. "
            "Run all of it again."
        )
    rows = Step.objects.for_org(run.org_id).filter(run_id=run.id, attempt=run.attempt).order_by("position", "step_key")
    steps = {step.step_key: step for step in rows}
    if not steps:
        raise NotResumableError(
            "The run failed before its first step: there is nothing to go on from. Run all of it again."
        )
    left = {key for key, step in steps.items() if step.status not in _DONE}
    if not left:
        raise NotResumableError("Every step succeeded: what failed came after them. Run all of it again.")
    mapped = _mapping_keys(run) if any(key.endswith(_UNRESOLVED) for key in left) else {}
    found: list[str] = []
    for key in steps:
        if key in left:
            found.extend(_resolved(key, steps, left, mapped) if key.endswith(_UNRESOLVED) else [key])
    return list(dict.fromkeys(found))


def _resolved(
    key: str, steps: Mapping[str, Step], left: set[str], mapped: Mapping[str, dict[str, list[str]]]
) -> list[str]:
    """The steps that an unresolved one became, or would have become. It stays as it is where what fans out runs again itself."""
    before = _before_fan_out(key, steps)
    sources = [one for one in before if one in mapped]
    if len(sources) > 1 or any(len(mapped[one]) > 1 for one in sources):
        raise NotResumableError(
            f"{' and '.join(sources)} have several dynamic outputs; which of them {key} follows is not stored. Run all of it again."
        )
    if not sources or sources[0] in left:
        return [key] if any(one in left for one in before) else []
    base = key.removesuffix(_UNRESOLVED)
    [mapping_keys] = mapped[sources[0]].values()
    return [one for mapping_key in mapping_keys if (one := f"{base}[{mapping_key}]") not in steps or one in left]


def _before_fan_out(key: str, steps: Mapping[str, Step]) -> set[str]:
    """The steps, one of which fans out: what it follows, and what those follow that fan out with it."""
    found: set[str] = set()
    waiting, seen = [key], set[str]()
    while waiting:
        seen.add(one := waiting.pop())
        for before in steps[one].depends_on if one in steps else ():
            if not before.endswith(_UNRESOLVED):
                found.add(before)
            elif before not in seen:
                waiting.append(before)
    return found


def _mapping_keys(run: Run) -> dict[str, dict[str, list[str]]]:
    """Of each step with dynamic outputs: the values of each output."""
    events = RunEvent.objects.for_org(run.org_id).filter(run_id=run.id, attempt=run.attempt, type="STEP_OUTPUT")
    found: dict[str, dict[str, list[str]]] = {}
    for step, data in events.order_by("seq").values_list("step_key", "data"):
        if step and data and data.get("mapping_key") is not None:
            found.setdefault(step, {}).setdefault(data["output"], []).append(data["mapping_key"])
    return found
