"""What a batch of events means: each event is looked at once, and its effects are gathered for set-based statements.

Pure but for `transitions.move`, which decides in memory on runs that are locked. Nothing here reads or writes the database.
"""

import datetime
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agent.protocol import Event, Usage
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.insights.pricing import PriceBook
from controlplane.insights.projections import UsageRow
from controlplane.runs import asset_rows, event_bounds, reasons, transitions
from controlplane.runs.locking import LockedAttempt, LockedRun
from controlplane.runs.states import STATUS_OF_EVENT, TERMINAL, RunStatus, StepStatus, closing_status


@dataclass(slots=True)
class StepChange:
    """What a batch changes of one step. Times are first or last, amounts are to be added."""

    run_id: UUID
    attempt: int
    step_key: str
    status: StepStatus = StepStatus.PLANNED
    tries: int = 0
    launched_at: datetime.datetime | None = None
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    error: Any = None
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    gib_seconds: float | None = None
    peak_rss_bytes: int | None = None
    cost_micros: int = 0


@dataclass(slots=True)
class PlannedStep:
    """One step of the plan that a run begins with."""

    run_id: UUID
    attempt: int
    step_key: str
    position: int
    assets: list[str]
    depends_on: list[str]


@dataclass(slots=True)
class AttemptChange:
    """What a batch changes of one attempt, and what it adds to its run."""

    run: LockedRun
    attempt: LockedAttempt
    last_seq: int
    events: int = 0
    pid: int | None = None
    mode: str | None = None
    started_at: datetime.datetime | None = None
    exit_reason: str | None = None
    exit_code: int | None = None
    exit_signal: str | None = None
    exited: bool = False
    worker_mode: str | None = None
    steps_succeeded: int = 0
    steps_failed: int = 0
    cpu_seconds: float = 0.0
    gib_seconds: float = 0.0
    peak_rss_bytes: int = 0
    cost_micros: int = 0


@dataclass
class Fold:
    """All effects of one batch."""

    prices: PriceBook
    steps: dict[tuple[UUID, int, str], StepChange] = field(default_factory=dict)
    plan: list[PlannedStep] = field(default_factory=list)
    catalog: list[AssetEventRow | CheckRow] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)
    attempts: list[AttemptChange] = field(default_factory=list)
    # Runs that dagster itself ended as failed, with its sentence; the failed steps complete the reason.
    failed: dict[UUID, tuple[LockedRun, str]] = field(default_factory=dict)
    # How many steps of each run were stored for the first time.
    new_steps: Counter[UUID] = field(default_factory=Counter)

    def add(self, change: AttemptChange, event: Event, at: float) -> None:
        """Gather the effects of one event; most kinds have none."""
        handler = HANDLERS.get(event.type)
        if handler is not None:
            handler(self, change, event, datetime.datetime.fromtimestamp(at, datetime.UTC))

    def step(self, change: AttemptChange, event: Event) -> StepChange | None:
        if not event.step:
            return None
        place = (change.run.id, change.attempt.attempt, event_bounds.key(event.step))
        found = self.steps.get(place)
        if found is None:
            found = self.steps[place] = StepChange(*place)
        return found


def _step_launched(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    step = fold.step(change, event)
    if step:
        _under_way(change, step, StepStatus.STARTING, at)
        step.launched_at = step.launched_at or at


def _step_started(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    step = fold.step(change, event)
    if step:
        _under_way(change, step, StepStatus.RUNNING, at)
        step.started_at = step.started_at or at
        step.tries += 1


def _under_way(change: AttemptChange, step: StepChange, status: StepStatus, at: datetime.datetime) -> None:
    """A step that goes on. One that says so after the end of its run has ended with it: nothing would ever close it."""
    if change.run.status in TERMINAL:
        step.status, step.ended_at = closing_status(change.run.status), at
    else:
        step.status, step.ended_at = status, None


def _step_ended(status: StepStatus) -> "Handler":
    def ended(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
        step = fold.step(change, event)
        if step is None:
            return
        if status == StepStatus.RETRYING:
            _under_way(change, step, status, at)
        else:
            step.status = status
        step.ended_at = at
        step.error = event_bounds.detail(event.error) if status in {StepStatus.FAILURE, StepStatus.RETRYING} else None
        change.steps_succeeded += status == StepStatus.SUCCESS
        change.steps_failed += status == StepStatus.FAILURE
        if event.usage:
            _add_usage(fold, change, step, event.usage, at)

    return ended


def _add_usage(fold: Fold, change: AttemptChange, step: StepChange, usage: Usage, at: datetime.datetime) -> None:
    wall, cpu, gib = (
        event_bounds.amount(value) for value in (usage.wall_seconds, usage.cpu_seconds, usage.gib_seconds)
    )
    peak = event_bounds.integer(usage.peak_rss_bytes, most=2**60) or 0
    cost = fold.prices.micros(cpu_seconds=cpu, gib_seconds=gib)
    step.wall_seconds = (step.wall_seconds or 0) + wall
    step.cpu_seconds = (step.cpu_seconds or 0) + cpu
    step.gib_seconds = (step.gib_seconds or 0) + gib
    step.peak_rss_bytes = max(step.peak_rss_bytes or 0, peak)
    step.cost_micros += cost
    change.cpu_seconds += cpu
    change.gib_seconds += gib
    change.peak_rss_bytes = max(change.peak_rss_bytes, peak)
    change.cost_micros += cost
    run = change.run
    fold.usage.append(
        UsageRow(
            run_id=run.id,
            attempt=change.attempt.attempt,
            step_key=step.step_key,
            deployment_id=run.deployment_id,
            location_name=run.location_name,
            job_name=run.job_name,
            partition_key=run.partition_key,
            assets=[],
            ended_at=at,
            wall_seconds=wall,
            cpu_seconds=cpu,
            gib_seconds=gib,
            peak_rss_bytes=peak,
            cost_micros=cost,
            currency=fold.prices.currency,
            price_book_id=fold.prices.id,
        )
    )


def _run_started(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    transitions.move(change.run, RunStatus.STARTED, at=at)
    data = event.data or {}
    mode = event_bounds.text_or_none(data.get("mode"))
    change.worker_mode = mode[:12] if mode else change.worker_mode
    plan = data.get("plan")
    for position, item in enumerate(plan if isinstance(plan, list) else []):
        if isinstance(item, dict) and isinstance(item.get("step"), str):
            fold.plan.append(_planned(change, position, item))


def _planned(change: AttemptChange, position: int, item: dict[str, Any]) -> PlannedStep:
    assets = (asset_rows.asset_key(parts) for parts in _items(item.get("assets")))
    return PlannedStep(
        run_id=change.run.id,
        attempt=change.attempt.attempt,
        step_key=event_bounds.key(item["step"]),
        position=position,
        assets=[asset for asset in assets if asset],
        depends_on=[event_bounds.key(step) for step in _items(item.get("deps")) if isinstance(step, str)],
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _run_moved(_fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    transitions.move(change.run, STATUS_OF_EVENT[event.type], at=at)


def _run_failed(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    if transitions.move(change.run, RunStatus.FAILURE, at=at):
        said = (event.error or {}).get("message")
        fold.failed[change.run.id] = (change.run, said if isinstance(said, str) and said else event.message)


def _agent_started(_fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    data = event.data or {}
    mode = event_bounds.text_or_none(data.get("mode"))
    change.pid = event_bounds.integer(data.get("pid"))
    change.mode = change.worker_mode = mode[:12] if mode else None
    change.started_at = at


def _agent_exited(_fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    """The attempt's last event: where dagster had no last word, the way the process ended decides."""
    data = event.data or {}
    reason, number = event_bounds.text_or_none(data.get("reason")), data.get("signal")
    change.exited = True
    change.exit_reason = (reason or "")[:32]
    change.exit_code = event_bounds.integer(data.get("exit_code"))
    change.exit_signal = "" if number is None else str(number)[:16]
    run = change.run
    if run.ended:
        return
    if run.status == RunStatus.CANCELING or reason == "canceled":
        transitions.move(run, RunStatus.CANCELING, at=at)
        transitions.move(run, RunStatus.CANCELED, at=at)
    else:
        transitions.move(run, RunStatus.FAILURE, reason=reasons.exited(data, event.message), at=at)


def _asset_event(fold: Fold, change: AttemptChange, event: Event, at: datetime.datetime) -> None:
    row = asset_rows.from_event(change.run, event, at)
    if row:
        fold.catalog.append(row)


Handler = Callable[[Fold, AttemptChange, Event, datetime.datetime], None]
HANDLERS: dict[str, Handler] = {
    "STEP_WORKER_STARTING": _step_launched,
    "STEP_START": _step_started,
    "STEP_RESTARTED": _step_started,
    "STEP_SUCCESS": _step_ended(StepStatus.SUCCESS),
    "STEP_FAILURE": _step_ended(StepStatus.FAILURE),
    "STEP_SKIPPED": _step_ended(StepStatus.SKIPPED),
    "STEP_UP_FOR_RETRY": _step_ended(StepStatus.RETRYING),
    "PIPELINE_START": _run_started,
    "PIPELINE_CANCELING": _run_moved,
    "PIPELINE_SUCCESS": _run_moved,
    "PIPELINE_CANCELED": _run_moved,
    "PIPELINE_FAILURE": _run_failed,
    "ASSET_MATERIALIZATION": _asset_event,
    "ASSET_OBSERVATION": _asset_event,
    "ASSET_CHECK_EVALUATION": _asset_event,
    "AGENT_STARTED": _agent_started,
    "AGENT_EXITED": _agent_exited,
}
