"""Milliseconds that a claim of one run takes, with 10,000 in the queue, as a JSON list on the last line: `python -m benchmarks.claims`.

The queue is of twenty owners and three priorities. A quarter of it waits for a tag whose limit is zero, a quarter for a pool of one slot
that is taken: the claim has to pass them over.
"""

import os
import time
from typing import Any

import psycopg

from benchmarks.servers import print_samples

QUEUED, OWNERS, PRIORITIES = 10_000, 20, 3
WARM_UP, REPEATS = 10, 200
_LIMITS = {"runs": {"tag_concurrency_limits": [{"key": "held", "limit": 0}]}, "pools": {"default_limit": 1}}
_OTHER = {
    "id": """(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0')
              || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid""",
    "share": f"'owner-' || n / 4 %% {OWNERS}",
    "priority": f"n / 4 %% {PRIORITIES}",
    "tags": """CASE WHEN n %% 4 = 0 THEN '{"held": "1"}'::jsonb ELSE '{}' END""",
    "pools": """CASE WHEN n %% 4 = 1 THEN '["db"]'::jsonb ELSE '[]' END""",
    "gate_pools": """CASE WHEN n %% 4 = 1 THEN '["db"]'::jsonb ELSE '[]' END""",
}


def measure() -> list[float]:
    """One sample per claim; what was claimed ends before the next, and the holder of the pool's slot stays."""
    from controlplane.runs.admission import claim_runs
    from tests.runs.scripts import make_stage

    stage = make_stage()
    fill(stage, QUEUED)
    # As autovacuum does within a minute; only the owner may.
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE run")
    _take_slot(stage)
    samples = []
    for _ in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        [claim] = claim_runs(org_id=stage.org_id, agent=stage.agent, slots=1)
        samples.append((time.perf_counter() - began) * 1000)
        _end(stage, claim.run_id)
    return samples[WARM_UP:]


def fill(stage: Any, queued: int) -> None:
    """So many copies of a run that was requested, without what requesting each costs."""
    from django.db import connections

    from controlplane.deployments.change_settings import set_settings

    cast = stage.cast
    set_settings(
        org_id=cast.org_id, deployment_id=cast.deployment.id, document={"concurrency": _LIMITS}, actor=cast.actor
    )
    with connections["door"].cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'run'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        columns = [name for (name,) in cursor.fetchall()]
        values = ", ".join(_OTHER.get(name, f"r.{name}") for name in columns)
        source = f"SELECT {values} FROM generate_series(1, %s) n, run r WHERE r.id = %s"
        cursor.execute(f"INSERT INTO run ({', '.join(columns)}) {source}", [queued, stage.request().id])


def _take_slot(stage: Any) -> None:
    """Claims until some run has the slot of the pool; whatever else is claimed on the way ends."""
    from controlplane.runs.models import PoolSlot
    from tenants.scoping import org_scope

    for claim in stage.claim(OWNERS * PRIORITIES):
        with org_scope(stage.org_id):
            holds = PoolSlot.objects.for_org(stage.org_id).filter(run_id=claim.run_id, claimed_at__isnull=False)
            is_holder = holds.exists()
        if not is_holder:
            _end(stage, claim.run_id)


def _end(stage: Any, run_id: Any) -> None:
    from controlplane.runs.states import RunStatus
    from controlplane.runs.transitions import move_run
    from tenants.scoping import org_scope

    with org_scope(stage.org_id):
        move_run(org_id=stage.org_id, run_id=run_id, status=RunStatus.SUCCESS)


if __name__ == "__main__":
    print_samples(measure)
