"""Random histories: batches, repetitions, gaps, late agents, cancels, lost leases. What is stored equals what the event log tells.

The checker replays the stored events and the moves that the control plane made, in a model of its own; it knows nothing of folding,
fencing or SQL. The control at the end takes the fence away and shows that the checker sees it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.protocol import Event
from controlplane.catalog.models import AssetEvent, AssetState
from controlplane.runs import ingest, leases
from controlplane.runs.errors import RunEndedError
from controlplane.runs.models import Run, RunAttempt, RunEvent, RunStatusEvent, Step
from controlplane.runs.services import cancel_run
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, Stage, make_stage, materialization

STEPS = ("raw", "daily", "report")
ENDS = {"PIPELINE_SUCCESS": "SUCCESS", "PIPELINE_FAILURE": "FAILURE", "PIPELINE_CANCELED": "CANCELED"}
TERMINAL = set(ENDS.values())


@dataclass
class Model:
    """A run as its history tells it."""

    status: str = "STARTING"
    steps: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    latest: dict[str, int] = field(default_factory=dict)

    def end(self, status: str) -> None:
        if self.status in TERMINAL:
            return
        self.status = status
        self.steps = {key: self.going_on(state) for key, state in self.steps.items()}

    def going_on(self, state: str) -> str:
        """What a step is that says it goes on: with its run, or ended with it."""
        if self.status not in TERMINAL or state not in {"running", "retrying"}:
            return state
        return "failure" if self.status == "FAILURE" else "canceled"

    def event(self, event: Event) -> None:
        self.counts["events"] += 1
        if event.type == "STEP_START":
            self.steps[event.step or ""] = self.going_on("running")
        elif event.type in {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}:
            state = {"STEP_SUCCESS": "success", "STEP_FAILURE": "failure"}.get(event.type, "retrying")
            self.steps[event.step or ""] = self.going_on(state)
            self.counts[event.type] += 1
        elif event.type == "ASSET_MATERIALIZATION":
            self.counts["materializations"] += 1
            self.latest[(event.data or {})["materialization"]["asset"][0]] = event.seq
        elif event.type == "PIPELINE_START" and self.status == "STARTING":
            self.status = "STARTED"
        elif event.type == "AGENT_EXITED":
            self.end("CANCELED" if self.status == "CANCELING" else "FAILURE")
        elif event.type in ENDS:
            self.end(ENDS[event.type])


@dataclass
class History:
    """One run from claim to end, and the model of it beside."""

    stage: Stage
    attempt: Sender
    model: Model = field(default_factory=Model)
    stored: int = 0
    past: list[Sender] = field(default_factory=list)

    def write(self, type_: str, step: str) -> None:
        data = materialization(step) if type_ == "ASSET_MATERIALIZATION" else None
        self.attempt.event(type_, step=step if type_.startswith(("STEP", "ASSET", "LOG")) else None, data=data)

    def deliver(self, start: int, end: int) -> None:
        """Any stretch of what was written; the model sees what was new and joined on."""
        sent = self.attempt.sent
        answer = self.attempt.deliver(sent[start:end])
        expected = max(self.stored, end) if start <= self.stored else self.stored
        assert (answer.fenced, answer.stored) == (False, expected)
        for event in sent[self.stored : expected]:
            self.model.event(event)
        self.stored = expected

    def cancel(self) -> None:
        try:
            cancel_run(org_id=self.stage.org_id, run_id=self.attempt.run_id, actor=self.stage.cast.actor)
        except RunEndedError:
            assert self.model.status in TERMINAL
            return
        self.model.status = "CANCELED" if self.model.status == "QUEUED" else "CANCELING"

    def lose_the_agent(self) -> None:
        """Its lease lapses. What was never heard of goes back and is claimed anew; the rest has failed."""
        with org_scope(self.stage.org_id), connection.cursor() as cursor:
            cursor.execute("UPDATE run_attempt SET lease_until = now() - interval '1 hour' WHERE ended_at IS NULL")
        leases.sweep()
        if self.model.status in TERMINAL:
            return
        self.past.append(self.attempt)
        if self.model.status == "CANCELING":
            self.model.end("CANCELED")
        elif self.stored or self.attempt.claim.attempt == leases.LAUNCH_TRIES:
            self.model.end("FAILURE")
        else:
            [claim] = self.stage.claim()
            self.attempt = Sender(self.stage, claim)

    def hear_of_the_past(self) -> None:
        """Attempts that lost their lease report success, whatever became of the run."""
        for sender in self.past:
            sender.deliver([Event(seq=1, ts=0, type="PIPELINE_START"), Event(seq=2, ts=0, type="PIPELINE_SUCCESS")])


TYPES = [
    "LOG", "STEP_START", "STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY", "ASSET_MATERIALIZATION",
    "PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED", "AGENT_EXITED",
]  # fmt: skip
written = st.tuples(st.just("write"), st.sampled_from(TYPES[:7]) | st.sampled_from(TYPES), st.sampled_from(STEPS))
delivered = st.tuples(st.just("deliver"), st.integers(0, 12), st.integers(1, 12))
others = st.tuples(st.sampled_from(["cancel", "lose", "past"]))
all_delivered = st.just(("deliver-all",))
histories = st.lists(
    written | written | written | written | delivered | all_delivered | others, min_size=10, max_size=60
)
LATE_STEP = [
    *(("write", type_, "raw") for type_ in ("PIPELINE_START", "PIPELINE_SUCCESS")),
    ("deliver-all",),
    *(("write", type_, "raw") for type_ in ("STEP_START", "STEP_UP_FOR_RETRY")),
    ("deliver-all",),
]
KILLED = [("write", type_, "raw") for type_ in ("PIPELINE_START", "STEP_START", "AGENT_EXITED")] + [("deliver-all",)]


def play(stage: Stage, actions: list[tuple[Any, ...]]) -> History:
    history = History(stage, stage.claimed(assets=list(STEPS)))
    for action in actions:
        if history.model.status in TERMINAL and action[0] in {"write", "deliver", "deliver-all"} and history.past:
            continue
        match action:
            case ("write", type_, step):
                history.write(type_, step)
            case ("deliver", start, length) if start < len(history.attempt.sent):
                history.deliver(start, min(start + length, len(history.attempt.sent)))
            case ("deliver-all",):
                history.deliver(0, len(history.attempt.sent))
            case ("cancel",):
                history.cancel()
            case ("lose",):
                history.lose_the_agent()
            case ("past",):
                history.hear_of_the_past()
    return history


def check(history: History) -> None:
    """What is stored is what the history tells."""
    stage, run_id, model = history.stage, history.attempt.run_id, history.model
    with org_scope(stage.org_id):
        run = Run.objects.for_org(stage.org_id).get(id=run_id)
        seqs = RunEvent.objects.for_org(stage.org_id).filter(run_id=run_id).values_list("attempt", "seq")
        steps = Step.objects.for_org(stage.org_id).filter(run_id=run_id).values_list("step_key", "status")
        made = AssetEvent.objects.for_org(stage.org_id).filter(run_id=run_id, kind="materialization").order_by("id")
        states = AssetState.objects.for_org(stage.org_id).filter(materialization_run_id=run_id)
        ends = RunStatusEvent.objects.for_org(stage.org_id).filter(run_id=run_id, type__in=ENDS)
        open_attempts = RunAttempt.objects.for_org(stage.org_id).filter(run_id=run_id, ended_at=None)
        last = dict(made.values_list("asset_key", "id"))
        assert run.status == model.status
        assert sorted(seqs) == [(history.attempt.claim.attempt, seq) for seq in range(1, history.stored + 1)]
        assert dict(steps) == model.steps
        counted = (run.event_count, run.steps_succeeded, run.steps_failed, made.count())
        told = ("events", "STEP_SUCCESS", "STEP_FAILURE", "materializations")
        assert counted == tuple(model.counts[name] for name in told)
        assert {state.asset_key: state.materialization_id for state in states} == last
        assert set(last) == set(model.latest)
        assert ends.count() == (model.status in TERMINAL)
        assert open_attempts.count() == (model.status not in TERMINAL)


@pytest.mark.timeout(600)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=histories)
@example(actions=KILLED)
@example(actions=LATE_STEP)
@example(actions=[action for action in LATE_STEP if action[0] == "write"] + LATE_STEP[2:3])
def test_what_is_stored_is_what_happened(actions: list[tuple[Any, ...]]) -> None:
    check(play(make_stage(), actions))


LATE = [("lose",), ("past",), ("write", "PIPELINE_START", "raw"), ("deliver", 0, 1)]


def test_a_late_result_changes_nothing() -> None:
    check(play(make_stage(), LATE))


def test_without_the_fence_the_checker_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: were the epoch not looked at, the late success of a lost agent would be taken for the run's."""
    monkeypatch.setattr(ingest, "_owns", lambda *_: True)
    with pytest.raises(AssertionError):
        check(play(make_stage(), LATE))
