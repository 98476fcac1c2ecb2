"""Promise R13: 200 claimers on a limit of 3, with kills: never a fourth, checked from the log of statuses; and no slot outlives its run."""

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection, connections

from controlplane.runs import leases, pool_slots
from controlplane.runs.models import PoolSlot, RunStatusEvent
from controlplane.runs.states import RunStatus
from controlplane.runs.transitions import move_run
from tenants.scoping import org_scope
from tests.runs.scripts import Stage
from tests.runs.test_limits import configure, copies, pooled_stage

LIMIT, CLAIMERS = 3, 200
_ENDS = {"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED", "PIPELINE_ENQUEUED"}


def most_at_once(events: Iterable[tuple[UUID, str]]) -> int:
    """How many runs went on together at most; the events in the order of their ids, which is that of the transactions that made them."""
    under_way: set[UUID] = set()
    most = 0
    for run_id, kind in events:
        if kind in _ENDS:
            under_way.discard(run_id)
        elif kind == "PIPELINE_STARTING":
            under_way.add(run_id)
        most = max(most, len(under_way))
    return most


def logged(stage: Stage) -> list[tuple[UUID, str]]:
    with org_scope(stage.org_id):
        return list(RunStatusEvent.objects.for_org(stage.org_id).order_by("id").values_list("run_id", "type"))


def held(stage: Stage) -> set[UUID]:
    with org_scope(stage.org_id):
        return set(PoolSlot.objects.for_org(stage.org_id).exclude(claimed_at=None).values_list("run_id", flat=True))


def claim_and_end(stage: Stage, seed: int) -> None:
    """An agent's poll; what it got ends well, is cancelled by its process, or is lost with it."""
    try:
        for claim in stage.claim(random.Random(seed).randint(1, 5)):
            fate = random.Random(claim.run_id.int + seed).choice(["success", "failure", "killed"])
            with org_scope(stage.org_id):
                if fate == "killed":
                    with connection.cursor() as cursor:
                        lapsed = "UPDATE run_attempt SET accepted_at = now(), lease_until = now() - interval '1 hour' WHERE run_id = %s"
                        cursor.execute(lapsed, [claim.run_id])
                else:
                    ending = RunStatus.SUCCESS if fate == "success" else RunStatus.FAILURE
                    move_run(org_id=stage.org_id, run_id=claim.run_id, status=ending)
        leases.sweep()
    finally:
        connections.close_all()


def race(stage: Stage) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: claim_and_end(stage, seed), range(CLAIMERS)))


def prepared(limits: dict[str, object]) -> Stage:
    stage = pooled_stage()
    configure(stage, limits)
    run = stage.request(assets=["a"], tags={"team": "a"})
    copies(stage, run, 150)
    return stage


@pytest.mark.parametrize(
    "limits",
    [
        {"pools": {"granularity": "run", "default_limit": LIMIT}},
        {"runs": {"tag_concurrency_limits": [{"key": "team", "limit": LIMIT}]}},
    ],
)
def test_two_hundred_claimers_never_get_a_fourth(limits: dict[str, object]) -> None:
    stage = prepared(limits)
    race(stage)
    events = logged(stage)
    assert most_at_once(events) == LIMIT
    assert len([kind for _run, kind in events if kind == "PIPELINE_STARTING"]) > LIMIT * 10


def test_the_checker_sees_a_limit_that_does_not_hold() -> None:
    stage = prepared({"pools": {"granularity": "run", "default_limit": LIMIT + 1}})
    race(stage)
    assert most_at_once(logged(stage)) == LIMIT + 1


def test_a_hundred_lost_holders_hold_nothing_after_one_sweep() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"granularity": "run", "default_limit": 100}})
    run = stage.request(assets=["a"])
    copies(stage, run, 99)
    claims = stage.claim(100)
    assert len(held(stage)) == len(claims) == 100
    with org_scope(stage.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE run_attempt SET accepted_at = now(), lease_until = now() - interval '1 hour'")
    leases.sweep()
    assert held(stage) == set()


def test_two_hundred_steps_never_take_a_fourth_slot() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"default_limit": LIMIT, "op_granularity_run_buffer": 100}})
    run = stage.request(assets=["a"])
    copies(stage, run, 19)
    runs = [claim.run_id for claim in stage.claim(20)]

    def claim(number: int) -> bool:
        try:
            with org_scope(stage.org_id):
                return pool_slots.claim_for_step(stage.org_id, runs[number % 20], "db", f"step-{number}", 0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        got = sum(pool.map(claim, range(CLAIMERS)))
    assert got == LIMIT
    # Its holders end; what stands in line is served in order, and never beyond the limit.
    for run_id in held(stage):
        with org_scope(stage.org_id):
            move_run(org_id=stage.org_id, run_id=run_id, status=RunStatus.FAILURE)
    assert sum(claim(number) for number in range(CLAIMERS)) <= LIMIT
    with org_scope(stage.org_id):
        assert PoolSlot.objects.for_org(stage.org_id).exclude(claimed_at=None).count() <= LIMIT
