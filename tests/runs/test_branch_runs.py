"""Runs of branches: never ahead of production, capped for each branch and together, and a branch that sleeps wakes for them (promise R8)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from agent.protocol import Poll, Target
from controlplane.core.threads import with_connections_returned
from controlplane.deployments import branches
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.code import Code
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment, DeploymentKind
from controlplane.deployments.services import deploy_location
from controlplane.dispatch.calls import call_worker
from controlplane.fleet.services import note_poll
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import cancel_run, request_run
from controlplane.runs.waiting import waiting_reason
from tenants.errors import ConflictError, QuotaExceededError, UnavailableError
from tenants.ids import uuid7
from tenants.limits.models import QuotaName
from tenants.limits.quotas import set_quota
from tenants.reach import Reach
from tenants.scoping import org_scope
from tenants.token_services import update_token
from tests.factories import load, make_manifest
from tests.runs.scripts import Stage, make_stage


@dataclass
class Branch:
    """A branch deployment whose code the agent of the stage has loaded."""

    stage: Stage
    deployment: Deployment
    version_id: UUID

    def request(self, count: int = 1, **fields: Any) -> list[Run]:
        cast = self.stage.cast
        wanted = RunRequest(job="nightly", **fields)
        return [
            request_run(org_id=cast.org_id, deployment_id=self.deployment.id, request=wanted, actor=cast.actor)
            for _ in range(count)
        ]

    def queue(self, count: int) -> None:
        """Many runs like one that was requested, without what requesting each costs."""
        [first] = self.request()
        with org_scope(self.stage.org_id):
            rows = []
            for _ in range(count - 1):
                row = Run.objects.for_org(self.stage.org_id).get(id=first.id) if not rows else rows[0]
                copied = Run(**{f.attname: getattr(row, f.attname) for f in Run._meta.concrete_fields})
                copied.id = copied.root_run_id = uuid7()
                rows.append(copied)
            Run.unscoped.bulk_create(rows)


def open_branch(stage: Stage, number: int = 1, *, agents: Any = None) -> Branch:
    cast = stage.cast
    facts = BranchFacts(repository="acme/shop", branch=f"b-{number}", pull_request=number)
    branch = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)
    version = deploy_location(
        org_id=cast.org_id,
        deployment_id=branch.deployment_id,
        name="shop",
        code=Code(target=Target(module_name="shop")),
        actor=cast.actor,
    )
    load(cast, version, make_manifest(), [stage.agent] if agents is None else agents)
    return Branch(stage, branch.deployment, version.id)


def reach(stage: Stage, wanted: Reach) -> None:
    token = stage.cast.agent_token.token.id
    update_token(org_id=stage.org_id, token_id=token, actor=stage.cast.actor, changes={"reach": wanted})


def give(stage: Stage, **quotas: int) -> None:
    for name, value in quotas.items():
        set_quota(org_id=stage.org_id, name=QuotaName(name), value=value, actor=stage.cast.actor)


def places(stage: Stage, claims: Any) -> list[str]:
    """In which deployment each claimed run is."""
    with org_scope(stage.org_id):
        names = dict(Deployment.objects.for_org(stage.org_id).values_list("id", "name"))
        return [names[stage.run(claim.run_id).deployment_id] for claim in claims]


def end(stage: Stage, run_id: UUID) -> None:
    with org_scope(stage.org_id), connection.cursor() as cursor:
        cursor.execute("UPDATE run SET status = 'SUCCESS' WHERE id = %s", [run_id])


def reason(stage: Stage, run: Run) -> Any:
    found = waiting_reason(stage.run(run.id))
    assert found is not None
    return found


def test_runs_of_full_deployments_are_claimed_before_those_of_branches() -> None:
    stage = make_stage()
    branch = open_branch(stage)
    branch.request(3, tags={"dagster/priority": "9"})
    [late] = [stage.request()]

    assert [claim.run_id for claim in stage.claim(1)] == [late.id]
    assert places(stage, stage.claim(1)) == [branch.deployment.name]


def test_one_branch_has_no_more_than_its_cap_and_says_so() -> None:
    stage = make_stage()
    branch, other = open_branch(stage), open_branch(stage, 2)
    runs = branch.request(7)

    assert len(stage.claim(100)) == 5
    assert stage.claim(100) == []
    waits = reason(stage, runs[6])
    assert (waits.code, "5 of 5 runs of this branch go on" in waits.message) == ("branch_limit", True)
    other.request()
    assert places(stage, stage.claim(100)) == [other.deployment.name]


def test_all_branches_together_have_no_more_than_their_quota() -> None:
    stage = make_stage()
    give(stage, branch_runs=3)
    first, second = open_branch(stage), open_branch(stage, 2)
    first.request(2)
    runs = second.request(2)

    assert len(stage.claim(100)) == 3
    waits = reason(stage, runs[1])
    assert (waits.code, "3 of 3 runs of branch deployments" in waits.message) == ("branch_runs", True)


def test_branches_hold_at_most_half_of_an_agent_that_serves_production_too() -> None:
    stage = make_stage()
    branch = open_branch(stage)
    runs = branch.request(4)

    assert len(stage.claim(4)) == 2
    assert stage.claim(2) == []
    poll = Poll(agent_id=str(stage.agent.id), boot_id=stage.agent.boot_id, free_slots=2)
    note_poll(org_id=stage.org_id, agent_id=stage.agent.id, message=poll)
    assert reason(stage, runs[3]).code == "branch_share"
    stage.request()
    assert places(stage, stage.claim(2)) == ["prod"]


def test_agent_of_branches_alone_gives_them_all_its_slots() -> None:
    stage = make_stage()
    branch = open_branch(stage)
    branch.request(4)
    reach(stage, Reach(all_branches=True))

    assert len(stage.claim(4)) == 4


def test_agent_with_one_slot_still_runs_branches() -> None:
    stage = make_stage()
    open_branch(stage).request(1)

    assert len(stage.claim(1)) == 1


def test_branches_take_at_most_half_of_all_runs_of_the_organization() -> None:
    stage = make_stage()
    give(stage, concurrent_runs=6)
    reach(stage, Reach(all_branches=True))
    open_branch(stage).request(3)
    open_branch(stage, 2).request(3)

    assert len(stage.claim(100)) == 3


def test_branch_with_little_going_on_comes_before_one_with_much() -> None:
    """Or a backfill that fills the branches' share would keep every other branch from starting at all."""
    stage = make_stage()
    backfill = open_branch(stage)
    backfill.queue(1000)
    [first, *_] = stage.claim(10)
    other = open_branch(stage, 2)
    other.request()

    end(stage, first.run_id)

    assert places(stage, stage.claim(6)) == [other.deployment.name]


def test_limits_of_branches_hold_with_many_claimers() -> None:
    stage = make_stage()
    give(stage, branch_runs=8, runs_per_branch=3)
    reach(stage, Reach(all_deployments=True, all_branches=True))
    opened = [open_branch(stage, number) for number in (1, 2, 3, 4)]
    for branch in opened:
        branch.request(6)

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: with_connections_returned(stage.claim, slots=20), range(12)))

    names = places(stage, [claim for claims in claimed for claim in claims])
    assert len(names) == 8
    assert max(names.count(branch.deployment.name) for branch in opened) <= 3


def test_backfill_of_a_branch_costs_production_nothing() -> None:
    """In claims, which time does not blur: each prod run is taken by the first poll after it was requested."""
    stage = make_stage()
    open_branch(stage).queue(1000)
    stage.claim(10)

    for _ in range(5):
        run = stage.request()
        assert [claim.run_id for claim in stage.claim(5)] == [run.id]


def test_claim_looks_at_the_head_of_each_queue_only() -> None:
    stage = make_stage()
    open_branch(stage).queue(3000)
    for number in range(2, 6):
        open_branch(stage, number).request(2)

    # The head of each of the five queues, and nothing of what waits behind it.
    # (Where a week of runs has just begun, its partition is looked into as well.)
    plan = _plan(stage)
    assert 5 + 4 * 2 <= _touched(plan) <= 2 * 5 * 5, plan


def _touched(node: dict[str, Any]) -> int:
    """How many runs a plan read of all partitions, whether it used them or not."""
    below = sum(_touched(child) for child in node.get("Plans", ()))
    if not node.get("Relation Name", "").startswith("run_"):
        return below
    read = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"))
    return below + round(read * node["Actual Loops"])


def _plan(stage: Stage) -> dict[str, Any]:
    """How the heads are found by whoever cannot sort: what the planner prefers depends on when the table was analyzed last."""
    from controlplane.core import recordsets
    from controlplane.runs.queue_heads import _HEADS, lanes, served

    with org_scope(stage.org_id):
        nothing: dict[str, list[str]] = {"keys": [], "paired": [], "pairs": [], "pools": [], "gates": []}
        places = [
            {"id": lane.deployment_id, "share": lane.share, **nothing}
            for lane in lanes(stage.org_id)
            if lane.kind == DeploymentKind.BRANCH
        ]
        asked = {
            "org": stage.org_id,
            "token": stage.agent.token_id,
            "queues": ["default"],
            "lanes": recordsets.rows(places),
            "keys": [],
            "but": [],
            "page": 5,
            "known": [],
            "locations": [],
            "loaded": list(served(stage.org_id, stage.agent.id).loaded),
        }
        for way in ("enable_sort", "enable_incremental_sort", "enable_seqscan", "enable_bitmapscan"):
            recordsets.execute(f"SET LOCAL {way} = off")
        [(plan,)] = recordsets.fetch("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + _HEADS, asked)
        found: dict[str, Any] = plan[0]["Plan"]
        return found


def test_deployment_has_no_more_runs_than_its_settings_allow() -> None:
    stage = make_stage()
    allow(stage, 2)
    runs = [stage.request() for _ in range(3)]

    assert len(stage.claim(9)) == 2
    waits = reason(stage, runs[2])
    assert (waits.code, "2 of 2 runs of prod go on" in waits.message) == ("deployment_limit", True)
    allow(stage, 3)
    assert [claim.run_id for claim in stage.claim(9)] == [runs[2].id]


def test_no_run_starts_in_a_deployment_that_allows_none() -> None:
    stage = make_stage()
    allow(stage, 0)
    run = stage.request()

    assert stage.claim(9) == []
    assert "max_concurrent_runs is 0" in reason(stage, run).message


def allow(stage: Stage, runs: int) -> None:
    cast = stage.cast
    document = {"concurrency": {"runs": {"max_concurrent_runs": runs}}}
    set_settings(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)


def test_run_that_is_cancelled_meanwhile_is_not_claimed() -> None:
    stage = make_stage()
    run = stage.request()
    cancel_run(org_id=stage.org_id, run_id=run.id, actor=stage.cast.actor)

    assert stage.claim(1) == []


def test_so_many_branch_deployments_and_no_more() -> None:
    stage = make_stage()
    give(stage, branch_deployments=2)
    first = open_branch(stage)
    open_branch(stage, 2)
    with pytest.raises(QuotaExceededError, match="branch deployments"):
        open_branch(stage, 3)

    put(first, BranchState.ARCHIVED)

    open_branch(stage, 3)


def put(branch: Branch, state: BranchState) -> None:
    with org_scope(branch.stage.org_id):
        rows = BranchDeployment.objects.for_org(branch.stage.org_id)
        rows.filter(deployment_id=branch.deployment.id).update(state=state)


def is_awake(branch: Branch) -> bool:
    with org_scope(branch.stage.org_id):
        return Deployment.objects.for_org(branch.stage.org_id).get(id=branch.deployment.id).is_awake


def test_run_wakes_a_branch_that_sleeps_and_says_what_it_waits_for() -> None:
    stage = make_stage()
    branch = open_branch(stage, agents=[])
    branches.sleep(org_id=stage.org_id, deployment_id=branch.deployment.id)
    note_poll(
        org_id=stage.org_id,
        agent_id=stage.agent.id,
        message=Poll(agent_id=str(stage.agent.id), boot_id=stage.agent.boot_id, free_slots=2),
    )

    [run] = branch.request()

    assert is_awake(branch)
    waits = reason(stage, run)
    assert (waits.code, waits.message) == ("branch_waking", "The branch is waking up; its code is loading.")


def test_refused_run_leaves_the_branch_asleep() -> None:
    stage = make_stage()
    branch = open_branch(stage)
    branches.sleep(org_id=stage.org_id, deployment_id=branch.deployment.id)

    with pytest.raises(Exception, match="defines a job nowhere"):
        request_run(
            org_id=stage.org_id,
            deployment_id=branch.deployment.id,
            request=RunRequest(job="nowhere"),
            actor=stage.cast.actor,
        )

    assert not is_awake(branch)


@pytest.mark.parametrize("state", [BranchState.ARCHIVED, BranchState.HELD])
def test_nothing_is_launched_in_a_branch_that_is_archived_or_held(state: BranchState) -> None:
    branch = open_branch(make_stage())
    put(branch, state)

    with pytest.raises(ConflictError, match="nothing runs in it"):
        branch.request()


def test_question_to_the_code_of_a_sleeping_branch_wakes_it() -> None:
    stage = make_stage()
    branch = open_branch(stage, agents=[])
    branches.sleep(org_id=stage.org_id, deployment_id=branch.deployment.id)

    with pytest.raises(UnavailableError, match="was asleep and is waking up"):
        call_worker(org_id=stage.org_id, version_id=branch.version_id, op="partition_keys", args={}, timeout=1)

    assert is_awake(branch)


def test_run_of_a_branch_that_no_token_reaches_says_what_to_allow() -> None:
    stage = make_stage()
    [run] = open_branch(stage).request()
    reach(stage, Reach())

    waits = reason(stage, run)

    assert waits.code == "out_of_reach"
    assert "agent-1: its token serves no branch deployments; allow branches of prod under" in waits.message
