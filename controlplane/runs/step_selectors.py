"""The steps of a run as its Gantt chart shows them: queued, starting, running, each phase with its times."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.runs.models import Run, Step
from controlplane.runs.states import StepStatus
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

# A step of a dynamic graph is planned as `double[?]` and runs as `double[7]`.
_MAPPING_KEY = re.compile(r"\[[^\]]*\]")
_UNRESOLVED = "[?]"
_ENDED = frozenset({StepStatus.SUCCESS, StepStatus.FAILURE, StepStatus.SKIPPED, StepStatus.CANCELED})


@dataclass(frozen=True)
class StepView:
    """One step. It is ready once all it depends on has ended, is launched when its process is asked for (if it has one of its own),
    started when user code begins. Times are the child's clock.
    """

    key: str
    attempt: int
    status: StepStatus
    assets: list[str]
    depends_on: list[str]
    tries: int
    ready_at: datetime.datetime | None
    launched_at: datetime.datetime | None
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    error: dict[str, Any] | None
    wall_seconds: float | None
    cpu_seconds: float | None
    gib_seconds: float | None
    peak_rss_bytes: int | None
    cost_micros: int

    @property
    def queued_seconds(self) -> float | None:
        return _between(self.ready_at, self.launched_at or self.started_at)

    @property
    def starting_seconds(self) -> float | None:
        return _between(self.launched_at, self.started_at)

    @property
    def running_seconds(self) -> float | None:
        return _between(self.started_at, self.ended_at)


def _between(start: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def steps(org_id: UUID, run_id: UUID, attempt: int | None = None) -> list[StepView]:
    """The steps of an attempt (the current one, unless another is named), in the order of the plan; unplanned ones as they started."""
    with org_scope(org_id):
        run = Run.objects.for_org(org_id).filter(id=run_id).only("attempt", "started_at", "org_id").first()
        if run is None:
            raise NotFoundError("There is no such run.")
        rows = Step.objects.for_org(org_id).filter(run_id=run_id, attempt=run.attempt if attempt is None else attempt)
        found = list(rows.order_by("position", "started_at", "step_key"))
    return views(found, run.started_at)


def views(rows: list[Step], run_started_at: datetime.datetime | None) -> list[StepView]:
    """Steps with the times at which they became ready."""
    by_key = {row.step_key: row for row in rows}
    resolved: dict[str, list[Step]] = {}
    for row in rows:
        if row.step_key.endswith("]") and not row.step_key.endswith(_UNRESOLVED):
            resolved.setdefault(_MAPPING_KEY.sub(_UNRESOLVED, row.step_key), []).append(row)
    ran = [row for row in rows if row.step_key not in resolved]
    return [_view(row, _depends_on(row, by_key), by_key, resolved, run_started_at) for row in ran]


def _depends_on(row: Step, by_key: Mapping[str, Step]) -> list[str]:
    """What the plan says; a step that came out of a dynamic one depends on what its pattern does, with its own mapping key."""
    if row.depends_on or not row.step_key.endswith("]"):
        return list(row.depends_on)
    pattern = by_key.get(_MAPPING_KEY.sub(_UNRESOLVED, row.step_key))
    own = _MAPPING_KEY.search(row.step_key)
    if pattern is None or own is None:
        return list(row.depends_on)
    return [key.replace(_UNRESOLVED, own.group()) for key in pattern.depends_on]


def _view(
    row: Step,
    depends_on: list[str],
    by_key: Mapping[str, Step],
    resolved: Mapping[str, list[Step]],
    run_started_at: datetime.datetime | None,
) -> StepView:
    before = [
        step
        for key in depends_on
        # A run that goes on from a failure has the steps that are left: the others were of the run before.
        if key in by_key or key in resolved
        for step in resolved.get(key) or [by_key[key]]
    ]
    ends = [step.ended_at for step in before if step.status in _ENDED and step.ended_at]
    ready = (max(ends) if ends else run_started_at) if len(ends) == len(before) else None
    started = row.launched_at or row.started_at
    return StepView(
        key=row.step_key,
        attempt=row.attempt,
        status=StepStatus(row.status),
        assets=row.assets,
        depends_on=depends_on,
        tries=row.tries,
        # Clocks of several processes may differ by a little: nothing starts before it is ready.
        ready_at=min(ready, started) if ready and started else ready,
        launched_at=row.launched_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=row.error,
        wall_seconds=row.wall_seconds,
        cpu_seconds=row.cpu_seconds,
        gib_seconds=row.gib_seconds,
        peak_rss_bytes=row.peak_rss_bytes,
        cost_micros=row.cost_micros,
    )
