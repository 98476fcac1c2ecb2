"""Runs in the peer's interpreter, with its DAGSTER_HOME: store the mix through the peer's own instance, print events and seconds."""

import json
import sys
import time

from dagster import DagsterInstance
from dagster._core.test_utils import create_run_for_test

from benchmarks import event_mix

JOB = "benchmark"
STEPS = [f"step_{number}" for number in range(10)]


def main(runs: int) -> None:
    """Store `runs` runs' worth of events one by one, which is how a run of the peer does it."""
    instance = DagsterInstance.get()
    run_ids = [create_run_for_test(instance, job_name=JOB).run_id for _ in range(runs)]
    batches = [event_mix.entries(run_id, JOB, STEPS) for run_id in run_ids]
    began = time.perf_counter()
    for batch in batches:
        for entry in batch:
            instance.handle_new_event(entry)
    seconds = time.perf_counter() - began
    stored = sum(len(instance.all_logs(run_id)) for run_id in run_ids)
    print(json.dumps({"expected": sum(map(len, batches)), "events": stored, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
