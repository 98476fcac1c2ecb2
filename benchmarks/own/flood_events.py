"""The requests that an agent would send for one run, made beforehand: the measure is of the control plane, not of its client."""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.events import MOST_EVENTS
from agent.protocol import Launch
from benchmarks import event_mix

_WORKER = Path(__file__).parents[2] / "agent" / "worker"
_RUN = "00000000-0000-7000-8000-000000000000"
_USAGE = {"wall_seconds": 0.0889, "cpu_seconds": 0.06, "peak_rss_bytes": 98_000_000, "gib_seconds": 0.0081}


class RunEvents:
    """All events of a run of these steps, as the code worker and the agent would write them."""

    def __init__(self, *, job: str, steps: list[str]) -> None:
        numbered = enumerate(_events(job, steps), start=1)
        self._events = [json.dumps({"seq": seq, **event}).encode() for seq, event in numbered]

    def __len__(self) -> int:
        return len(self._events)

    def bodies(self, agent_id: str, launch: Launch) -> list[bytes]:
        """Gzipped EventBatches for this launch, each as large as an agent makes them."""
        spec = launch.spec
        ids = json.dumps({"run_id": spec.run_id, "attempt": spec.attempt, "epoch": spec.epoch})
        head = f'{{"agent_id":"{agent_id}","attempts":[{ids[:-1]},"events":['.encode()
        return [_body(head, part, spec.run_id) for part in self._parts()]

    def _parts(self) -> Iterator[list[bytes]]:
        for start in range(0, len(self._events), MOST_EVENTS):
            yield self._events[start : start + MOST_EVENTS]


def _body(head: bytes, events: list[bytes], run_id: str) -> bytes:
    text = head + b",".join(events).replace(_RUN.encode(), run_id.encode()) + b"]}]}"
    return gzip.compress(text, compresslevel=1)


def _events(job: str, steps: list[str]) -> Iterator[dict[str, Any]]:
    """Dagster's own entries, written by the code worker's own writer, between what the agent adds."""
    sys.path.insert(0, str(_WORKER))
    from daggerboard_worker.events import event_from_entry  # type: ignore[import-not-found, unused-ignore]

    plan = [{"step": step, "assets": [[step]], "deps": []} for step in steps]
    yield _own("AGENT_STARTED", "Started process 4321 by warm fork.", {"pid": 4321, "mode": "warm"})
    yield _own(
        "PIPELINE_START", f'Started execution of run for "{job}".', {"mode": "warm", "executor": "fork", "plan": plan}
    )
    for entry in event_mix.entries(_RUN, job, steps):
        event = event_from_entry(entry)
        yield {**event, "usage": _USAGE} if event["type"] == "STEP_SUCCESS" else event
    yield _own("PIPELINE_SUCCESS", f'Finished execution of run for "{job}".', None)
    yield _own("AGENT_EXITED", "The run's process ended.", {"exit_code": 0, "reason": "finished"})


def _own(kind: str, message: str, data: dict[str, Any] | None) -> dict[str, Any]:
    return {"ts": time.time(), "type": kind, "level": 20, "message": message, "data": data}
