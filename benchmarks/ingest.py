"""How many events a second `store_events` takes in, projections included, without HTTP: `python -m benchmarks.ingest [--profile]`.

The mix is that of an ordinary run: 80 of 100 events are log lines, the others are of steps, 4 of them materializations. Servers are
started in a temporary folder, as for the tests.
"""

import argparse
import cProfile
import os
import pstats
import resource
import time
from typing import Any

import msgspec

from tests import session

RUNS, STEPS, BATCH = 10, 500, 500
_LINE = "processed partition 2013-01-01 of flights: 842 rows read, 840 written, 2 dropped; checksum 5f1d7c"
_LOGS_PER_STEP = 16


def step_events(step: str, asset: str) -> list[dict[str, Any]]:
    """Twenty events of one step: start, sixteen lines, output, materialization, success."""
    metadata = {
        "rows": {"type": "int", "value": 842},
        "preview": {"type": "md", "value": "| a | b |\n|---|---|\n| 1 | 2 |"},
    }
    body = {
        "asset": [asset],
        "partition": None,
        "description": None,
        "metadata": metadata,
        "tags": {"dagster/data_version": "7"},
    }
    usage = {"wall_seconds": 1.5, "cpu_seconds": 1.1, "peak_rss_bytes": 123456789, "gib_seconds": 0.2}
    return [
        {"type": "STEP_START", "step": step, "message": f'Started execution of step "{step}".'},
        *({"type": "LOG", "step": step, "message": f"{_LINE} {number}"} for number in range(_LOGS_PER_STEP)),
        {
            "type": "STEP_OUTPUT",
            "step": step,
            "message": "Yielded output.",
            "data": {"output": "result", "metadata": {}},
        },
        {
            "type": "ASSET_MATERIALIZATION",
            "step": step,
            "message": f"Materialized value {asset}.",
            "data": {"materialization": body},
            "serdes": "x" * 1500,
        },
        {"type": "STEP_SUCCESS", "step": step, "message": "Finished.", "data": {"duration_ms": 1500}, "usage": usage},
    ]


def bodies(agent_id: str, claims: list[Any]) -> list[bytes]:
    """Batches of all runs, as agents send them."""
    made = []
    for claim in claims:
        plan = [{"step": f"s{n}", "assets": [[f"a{n}"]], "deps": [f"s{n - 1}"] if n else []} for n in range(STEPS)]
        events = [
            {"type": "AGENT_STARTED", "data": {"pid": 1, "mode": "warm"}},
            {"type": "PIPELINE_START", "data": {"plan": plan}},
        ]
        for number in range(STEPS):
            events += step_events(f"s{number}", f"a{number}")
        events.append({"type": "PIPELINE_SUCCESS"})
        numbered = [{"seq": seq, "ts": time.time(), "level": 20, **event} for seq, event in enumerate(events, 1)]
        place = {"run_id": str(claim.run_id), "attempt": claim.attempt, "epoch": claim.epoch}
        made += [
            msgspec.json.encode({"agent_id": agent_id, "attempts": [{**place, "events": numbered[at : at + BATCH]}]})
            for at in range(0, len(numbered), BATCH)
        ]
    return made


def measure(profile: bool) -> None:
    from controlplane.runs.event_bounds import decode_batch
    from controlplane.runs.ingest import store_events
    from tests.runs.scripts import make_stage

    stage = make_stage()
    for _ in range(RUNS):
        stage.request(assets=["raw", "daily"])
    batches = bodies(str(stage.agent.id), stage.claim(RUNS))
    before, profiler, events = _rss(), cProfile.Profile(), 0
    if profile:
        profiler.enable()
    started, cpu = time.perf_counter(), time.process_time()
    for body in batches:
        batch = decode_batch(body)
        store_events(org_id=stage.org_id, agent_id=stage.agent.id, batch=batch)
        events += sum(len(part.events) for part in batch.attempts)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"{events} events in {len(batches)} batches: {seconds:.2f} s, {events / seconds:,.0f} events/s; "
        f"{cpu / events * 1e6:.1f} us CPU of ours per event; memory +{(_rss() - before) / 2**20:.0f} MiB"
    )
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    arguments = parser.parse_args()
    services = session.begin()
    session.join("main")
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    django.setup()
    try:
        measure(arguments.profile)
    finally:
        services.stop()


if __name__ == "__main__":
    main()
