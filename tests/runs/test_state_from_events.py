"""Promise R18: after random launches, cancels, retries and deaths, the state rebuilt from the event log equals the stored state.

The checker reads the logs alone and knows nothing of the code that wrote the state. DAGGERBOARD_R18_SECONDS=300 runs the five minutes.
"""

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import connection, connections

from controlplane.runs import leases, retries
from controlplane.runs.admission import ClaimedRun
from controlplane.runs.models import PoolSlot, Run, RunEvent, RunStatusEvent, Step
from controlplane.runs.services import cancel_run, reexecute_run
from tenants.errors import AppError
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, Stage
from tests.runs.test_limits import pooled_stage

SECONDS = float(os.environ.get("DAGGERBOARD_R18_SECONDS", "6"))
PER_SECOND = 50
_STATUS = {
    "PIPELINE_ENQUEUED": "QUEUED",
    "PIPELINE_STARTING": "STARTING",
    "PIPELINE_START": "STARTED",
    "PIPELINE_CANCELING": "CANCELING",
    "PIPELINE_SUCCESS": "SUCCESS",
    "PIPELINE_FAILURE": "FAILURE",
    "PIPELINE_CANCELED": "CANCELED",
}
_OVER = {"SUCCESS", "FAILURE", "CANCELED"}


def rebuilt(stage: Stage) -> tuple[dict[UUID, tuple[str, int]], dict[UUID, tuple[int, int]]]:
    """From the logs: the status of each run with how often it was claimed, and how many steps succeeded and failed."""
    statuses: dict[UUID, tuple[str, int]] = {}
    for run_id, kind in RunStatusEvent.objects.for_org(stage.org_id).order_by("id").values_list("run_id", "type"):
        before, claims = statuses.get(run_id, ("", 0))
        assert before not in _OVER, f"{run_id} went on after its end: {before}, then {kind}"
        statuses[run_id] = (_STATUS[kind], claims + (kind == "PIPELINE_STARTING"))
    steps: Counter[tuple[UUID, str]] = Counter()
    for run_id, kind in RunEvent.objects.for_org(stage.org_id).values_list("run_id", "type"):
        steps[run_id, kind] += 1
    return statuses, {run: (steps[run, "STEP_SUCCESS"], steps[run, "STEP_FAILURE"]) for run in statuses}


def stored(stage: Stage) -> tuple[dict[UUID, tuple[str, int]], dict[UUID, tuple[int, int]]]:
    rows = Run.objects.for_org(stage.org_id).values_list("id", "status", "attempt", "steps_succeeded", "steps_failed")
    found = list(rows)
    return {row[0]: (row[1], row[2]) for row in found}, {row[0]: (row[3], row[4]) for row in found}


class Actors:
    """Everybody at once, each choice by chance."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.random = stage, random.Random(seed)

    def act(self, _number: int) -> None:
        try:
            # A refusal is an answer: the run had ended, or was not to be resumed.
            with suppress(AppError):
                self.random.choice(
                    [self.launch, self.launch, self.work, self.work, self.cancel, self.again, self.sweep]
                )()
        finally:
            connections.close_all()

    def launch(self) -> None:
        tags = {"dagster/max_retries": "1"} if self.random.random() < 0.5 else {}
        self.stage.request(assets=[self.random.choice("abc")], tags=tags)

    def some_run(self) -> UUID:
        with org_scope(self.stage.org_id):
            newest = Run.objects.for_org(self.stage.org_id).order_by("-id").values_list("id", flat=True)[:50]
            return self.random.choice(list(newest) or [self.stage.request(assets=["a"]).id])

    def cancel(self) -> None:
        cancel_run(org_id=self.stage.org_id, run_id=self.some_run(), actor=self.stage.cast.actor)

    def again(self) -> None:
        from_failure = self.random.random() < 0.5
        actor = self.stage.cast.actor
        reexecute_run(org_id=self.stage.org_id, run_id=self.some_run(), from_failure=from_failure, actor=actor)

    def work(self) -> None:
        for claim in self.stage.claim(3):
            self.run(claim)

    def run(self, claim: ClaimedRun) -> None:
        """It says something, all twice, and ends well, badly, or not at all: its agent is gone."""
        sender, fate = Sender(self.stage, claim), self.random.choice(["well", "badly", "crash", "lost"])
        sender.start("a")
        if fate == "lost":
            with org_scope(self.stage.org_id), connection.cursor() as cursor:
                lapse = "UPDATE run_attempt SET lease_until = now() - interval '1 hour' WHERE run_id = %s"
                cursor.execute(lapse, [claim.run_id])
            return
        sender.event("STEP_START", step="a")
        endings: dict[str, list[tuple[str, dict[str, Any]]]] = {
            "well": [("STEP_SUCCESS", {"step": "a"}), ("PIPELINE_SUCCESS", {})],
            "badly": [("STEP_FAILURE", {"step": "a"}), ("PIPELINE_FAILURE", {"message": "failed"})],
            "crash": [("AGENT_EXITED", {"data": {"reason": "crashed", "exit_code": 1}})],
        }
        for kind, fields in endings[fate]:
            sender.event(kind, **fields)
        sender.flush()
        sender.flush()

    def sweep(self) -> None:
        leases.sweep()
        retries.launch_due()


def test_stored_state_equals_the_state_of_the_event_log() -> None:
    stage = pooled_stage()
    # Of four at once, each with luck of its own.
    actors, began, number = [Actors(stage, seed) for seed in range(4)], time.monotonic(), 0
    with ThreadPoolExecutor(len(actors)) as pool:
        while time.monotonic() - began < SECONDS:
            done = [pool.submit(actors[(number + at) % len(actors)].act, at) for at in range(PER_SECOND)]
            number += PER_SECOND
            for one in done:
                one.result()
    leases.sweep()
    while retries.launch_due():
        pass
    check(stage)


def check(stage: Stage) -> None:
    with org_scope(stage.org_id):
        assert rebuilt(stage) == stored(stage)
        runs = {run.id: run for run in Run.objects.for_org(stage.org_id)}
        over = {run.id for run in runs.values() if run.status in _OVER}
        assert len(over) > len(runs) / 20, "too little happened to say anything"
        assert not PoolSlot.objects.for_org(stage.org_id).filter(run_id__in=over).exists()
        going = Step.objects.for_org(stage.org_id).filter(
            run_id__in=over, status__in=["starting", "running", "retrying"]
        )
        assert not going.exists()
        retried = Counter(run.parent_run_id for run in runs.values() if "dagster/retry_number" in run.tags)
        said = {run.id: 1 for run in runs.values() if run.retry_verdict == "launched"}
        assert dict(retried) == said
        assert all(bool(run.retry_message) == (run.status == "FAILURE") for run in runs.values())


def test_the_checker_sees_a_state_that_no_event_tells() -> None:
    stage = pooled_stage()
    run = stage.request(assets=["a"])
    with org_scope(stage.org_id):
        Run.objects.for_org(stage.org_id).filter(id=run.id).update(status="STARTED")
        assert rebuilt(stage) != stored(stage)
