"""Claims: by priority, first come first served, only what the agent can run, never twice."""

import os
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.db import connection, connections

from benchmarks.claims import fill
from controlplane.runs.admission import ClaimedRun, claim_runs
from tenants.scoping import org_scope
from tests.factories import deploy, load, make_agent, make_manifest
from tests.runs.scripts import Stage, make_stage


def test_priority_then_order_of_requests() -> None:
    stage = make_stage()
    plain = [stage.request().id for _ in range(3)]
    urgent = stage.request(tags={"dagster/priority": "5"}).id
    late = stage.request(tags={"dagster/priority": "-1"}).id
    assert [claim.run_id for claim in stage.claim(3)] == [urgent, *plain[:2]]
    assert [claim.run_id for claim in stage.claim(9)] == [plain[2], late]
    assert stage.claim(9) == []


def test_an_agent_gets_only_what_it_has_loaded_and_serves() -> None:
    stage = make_stage()
    stage.request()
    bare = make_agent(stage.cast, "bare")
    other_queue = make_agent(stage.cast, "other", queues=["gpu"])
    for agent in (bare, other_queue):
        assert claim_runs(org_id=stage.org_id, agent=agent, slots=5) == []
    assert claim_runs(org_id=stage.org_id, agent=stage.agent, slots=0) == []
    assert len(stage.claim(5)) == 1


def test_a_queued_run_goes_to_the_version_that_serves_by_then() -> None:
    stage = make_stage()
    run = stage.request()
    newer = deploy(stage.cast)
    load(stage.cast, newer, make_manifest(), [stage.agent])
    [claim] = stage.claim()
    assert (claim.run_id, claim.version_id, stage.run(run.id).version_id) == (run.id, newer.id, newer.id)


def test_many_claimers_never_share_a_run() -> None:
    stage = make_stage()
    wanted = {stage.request().id for _ in range(40)}

    def claim_all(_: int) -> list[ClaimedRun]:
        try:
            found: list[ClaimedRun] = []
            for _round in range(20):
                found += stage.claim(3)
            return found
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        claims = [claim for found in pool.map(claim_all, range(4)) for claim in found]
    assert sorted(claim.run_id for claim in claims) == sorted(wanted)


def test_another_organizations_runs_are_never_claimed() -> None:
    mine, other = make_stage(), make_stage()
    other.request()
    assert claim_runs(org_id=mine.org_id, agent=mine.agent, slots=5) == []
    assert claim_runs(org_id=mine.org_id, agent=Stage(mine.cast, other.agent).agent, slots=5) == []


def test_a_queue_that_was_filled_this_moment_is_not_gone_through_for_each_owner() -> None:
    """Postgres takes its table for empty still: it read it 36 times over. What is looked for by id may be found by any index then."""
    stage, queued = make_stage(), 1_000
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE run")
    fill(stage, queued)
    read = """
        SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables
        WHERE relid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'run'::regclass)
    """
    with org_scope(stage.org_id), connection.cursor() as cursor:
        assert claim_runs(org_id=stage.org_id, agent=stage.agent, slots=1)
        cursor.execute(read)
        assert cursor.fetchone()[0] < 10 * queued
        cursor.execute("SHOW enable_sort")
        assert cursor.fetchone() == ("on",)
