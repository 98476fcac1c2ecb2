"""Limits by tags and by concurrency pools, and whose turn it is: promise R13 and R17 inside one organization."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from controlplane.deployments.change_settings import set_settings
from controlplane.runs.models import PoolSlot, Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import cancel_run, request_run
from controlplane.runs.waiting import waiting_reasons
from tenants.access import Actor, ActorKind
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.factories import asset, make_manifest
from tests.runs.scripts import Stage, make_stage


def configure(stage: Stage, concurrency: Mapping[str, Any]) -> None:
    cast = stage.cast
    set_settings(
        org_id=cast.org_id,
        deployment_id=cast.deployment.id,
        document={"concurrency": concurrency},
        actor=cast.actor,
    )


def copies(stage: Stage, run: Run, count: int, **fields: Any) -> list[UUID]:
    """Many runs like one that was requested, without what requesting each costs."""
    rows = []
    with org_scope(stage.org_id):
        stored = Run.objects.for_org(stage.org_id).get(id=run.id)
        for _ in range(count):
            values = {f.attname: getattr(stored, f.attname) for f in Run._meta.concrete_fields}
            values |= {"status": "QUEUED", "attempt": 0, "epoch": 0, "agent_id": None, "claimed_at": None, **fields}
            row = Run(**values)
            row.id = row.root_run_id = uuid7()
            rows.append(row)
        Run.unscoped.bulk_create(rows, batch_size=2000)
    return [row.id for row in rows]


def pooled_stage() -> Stage:
    return make_stage(make_manifest([asset("a", pools=["db"]), asset("b", pools=["db", "gpu"]), asset("c")]))


def test_limits_of_tags_by_key_by_value_and_by_each_value() -> None:
    stage = make_stage()
    limits = [
        {"key": "heavy", "limit": 3},
        {"key": "heavy", "value": "etl", "limit": 1},
        {"key": "customer", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
        {"key": "stopped", "limit": 0},
    ]
    configure(stage, {"runs": {"tag_concurrency_limits": limits}})
    asked = [
        *({"heavy": "etl"} for _ in range(2)),
        *({"heavy": "ml"} for _ in range(3)),
        *({"customer": "a"} for _ in range(2)),
        {"customer": "b"},
        {"stopped": "1"},
        {"other": "x"},
    ]
    runs = [stage.request(tags=tags).id for tags in asked]
    first = {claim.run_id for claim in stage.claim(50)}
    assert first == {runs[at] for at in (0, 2, 3, 5, 7, 9)}
    # One of each ends: its place is given on.
    for at in (0, 5):
        stage_end(stage, runs[at])
    assert {claim.run_id for claim in stage.claim(50)} == {runs[1], runs[6]}


def stage_end(stage: Stage, run_id: UUID) -> None:
    from controlplane.runs.states import RunStatus
    from controlplane.runs.transitions import move_run

    with org_scope(stage.org_id):
        assert move_run(org_id=stage.org_id, run_id=run_id, status=RunStatus.SUCCESS)


def test_a_run_holds_its_pools_from_its_claim_to_its_end() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"granularity": "run", "default_limit": 1}})
    first, second, free = (stage.request(assets=[key]).id for key in ("a", "b", "c"))
    assert {claim.run_id for claim in stage.claim(9)} == {first, free}
    assert holders(stage) == {("db", first)}
    stage_end(stage, first)
    assert holders(stage) == set()
    assert [claim.run_id for claim in stage.claim(9)] == [second]
    assert holders(stage) == {("db", second), ("gpu", second)}
    cancel_run(org_id=stage.org_id, run_id=second, actor=stage.cast.actor)
    assert holders(stage) == {("db", second), ("gpu", second)}, "it goes on until its agent has ended it"


def holders(stage: Stage) -> set[tuple[str, UUID]]:
    with org_scope(stage.org_id):
        rows = PoolSlot.objects.for_org(stage.org_id).exclude(claimed_at=None)
        return set(rows.values_list("pool", "run_id"))


def test_runs_that_could_only_wait_for_full_pools_stay_in_the_queue() -> None:
    stage = pooled_stage()
    configure(stage, {"pools": {"default_limit": 1, "op_granularity_run_buffer": 1}})
    of_pool = [stage.request(assets=["a"]).id for _ in range(4)]
    mixed = stage.request(assets=["a", "c"]).id
    assert {claim.run_id for claim in stage.claim(9)} == {*of_pool[:2], mixed}


def test_what_waits_behind_ten_thousand_blocked_runs_starts_at_once() -> None:
    stage = make_stage()
    limits = [{"key": "customer", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}, {"key": "etl", "limit": 1}]
    configure(stage, {"runs": {"tag_concurrency_limits": limits}})
    etl, customer = stage.request(tags={"etl": "1"}), stage.request(tags={"customer": "a"})
    assert len(stage.claim(9)) == 2
    copies(stage, etl, 5000)
    copies(stage, customer, 5000)
    last = stage.request(tags={"other": "1"})
    assert [claim.run_id for claim in stage.claim(9)] == [last.id]


def test_owners_take_turns_and_priority_comes_first() -> None:
    stage = make_stage()
    request = RunRequest(assets=["raw"])

    def ask(label: str, **tags: str) -> UUID:
        actor = Actor(ActorKind.AUTOMATION, uuid7(), label)
        wanted = RunRequest(assets=request.assets, tags=tags)
        return request_run(org_id=stage.org_id, deployment_id=stage.cast.deployment.id, request=wanted, actor=actor).id

    flood = [ask("sensor flood") for _ in range(6)]
    late = [ask("schedule nightly") for _ in range(2)]
    urgent = ask("sensor flood", **{"dagster/priority": "1"})
    assert [claim.run_id for claim in stage.claim(5)] == [urgent, late[0], flood[0], late[1], flood[1]]


def test_a_run_counts_for_the_owner_of_what_it_makes() -> None:
    stage = make_stage(make_manifest([asset("a", owners=["team:data"]), asset("b", owners=["team:data"]), asset("c")]))
    assert stage.request(assets=["a", "b"]).share == "team:data"
    assert stage.request(assets=["c"]).share == stage.cast.actor.label


def test_a_run_says_which_limit_it_waits_for_and_who_holds_it() -> None:
    stage = pooled_stage()
    configure(
        stage,
        {
            "runs": {"tag_concurrency_limits": [{"key": "heavy", "value": "etl", "limit": 1}]},
            "pools": {"granularity": "run", "default_limit": 1},
        },
    )
    heavy, pooled = stage.request(assets=["c"], tags={"heavy": "etl"}), stage.request(assets=["a"])
    assert len(stage.claim(9)) == 2
    waiting = [
        stage.request(assets=["c"], tags={"heavy": "etl"}),
        stage.request(assets=["b"]),
        stage.request(assets=["c"]),
    ]
    reasons = waiting_reasons(stage.org_id, waiting)
    found = [(reasons[run.id].code, reasons[run.id].ahead, reasons[run.id].holders) for run in waiting]
    assert found == [("tag_limit", 0, (heavy.id,)), ("pool_limit", 1, (pooled.id,)), ("agent_full", 2, ())]
    assert "1 of 1 runs with the tag heavy=etl" in reasons[waiting[0].id].message
    assert "1 of 1 slots of the pool db" in reasons[waiting[1].id].message
