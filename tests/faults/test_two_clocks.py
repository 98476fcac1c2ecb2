"""Two clocks, either killed at any moment: what is due becomes a tick once, and is asked once. Without the claim it would not."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db.models.functions import Now

from controlplane.automation.models import Instigator, Tick
from controlplane.automation.ticks import firing
from controlplane.core.threads import with_connections_returned
from controlplane.dispatch.models import Command
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, minutes_ago, sensor
from tests.cast import Cast
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(500)]

SENSORS, ROUNDS = 20, 4
_CLOCK = [sys.executable, "-m", "controlplane.core.clock"]


@contextmanager
def clocks() -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Two processes; whoever kills one starts another."""
    running = [_clock(), _clock()]
    try:
        yield running
    finally:
        for clock in running:
            clock.kill()
            clock.wait()


def _clock() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(_CLOCK, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_due(stage: Stage) -> None:
    """All at once, as if their earlier ticks were over."""
    with org_scope(stage.cast.org_id):
        rows = Instigator.objects.for_org(stage.cast.org_id)
        rows.update(next_tick_at=minutes_ago(0.01), open_tick_id=None)


def still_due(stage: Stage) -> int:
    with org_scope(stage.cast.org_id):
        return Instigator.objects.for_org(stage.cast.org_id).filter(next_tick_at__lte=Now()).count()


def ticks_and_questions(stage: Stage) -> tuple[Counter[UUID], Counter[str]]:
    """How many ticks each sensor has, and how often each tick was asked."""
    with org_scope(stage.cast.org_id):
        ticks = Counter(Tick.objects.for_org(stage.cast.org_id).values_list("instigator_id", flat=True))
        asked = Command.objects.for_org(stage.cast.org_id).filter(body__purpose="tick")
        return ticks, Counter(asked.values_list("body__subject", flat=True))


def test_each_tick_is_made_and_asked_once_whichever_clock_dies(cast: Cast) -> None:
    stage = make_stage(
        cast, *(sensor(f"s{number}", tags={"daggerboard/tick_timeout": "3000"}) for number in range(SENSORS))
    )
    with clocks() as running:
        for number in range(ROUNDS):
            make_due(stage)
            # The clock that dies has had its part of an earlier round.
            if number in {1, 2}:
                victim = number - 1
                running[victim].kill()
                running[victim].wait()
                running[victim] = _clock()
            eventually(lambda: still_due(stage), lambda count: count == 0, seconds=120)

    ticks, questions = ticks_and_questions(stage)

    assert set(ticks.values()) == {ROUNDS}
    assert len(questions) == SENSORS * ROUNDS
    # A tick whose clock died is asked by another only after the first was lost with its transaction.
    assert set(questions.values()) == {1}


def test_without_the_claim_and_the_id_there_would_be_doubles(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage(cast, *(sensor(f"s{number}") for number in range(SENSORS)))
    make_due(stage)
    both = threading.Barrier(2)

    def unclaimed(org_id: UUID, ids: list[UUID]) -> list[Instigator]:
        rows = Instigator.objects.for_org(org_id).filter(id__in=ids, next_tick_at__lte=Now())
        found = list(rows.annotate(asked_at=Now()))
        both.wait(200)
        return found

    monkeypatch.setattr(firing, "_claimed", unclaimed)
    monkeypatch.setattr(firing, "tick_id", lambda *_: uuid7())
    ids = [stage.row(f"s{number}").id for number in range(SENSORS)]
    beats = [threading.Thread(target=with_connections_returned, args=[firing.fire, cast.org_id, ids]) for _ in range(2)]
    for beat in beats:
        beat.start()
    for beat in beats:
        beat.join(200)

    assert set(ticks_and_questions(stage)[0].values()) == {2}
