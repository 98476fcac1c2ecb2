"""One attempt from its first breath to its exit code, in a forked child or in a process of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daggerboard_worker.connection import AgentConnection, connect
from daggerboard_worker.error_info import load_error_info
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.memory_limit import limit_memory
from daggerboard_worker.run_spec import RunSpec

Loader = Callable[[], LoadedLocation]

REPORTED = 0
NOT_REPORTED = 1


@dataclass(frozen=True)
class Workplace:
    """Where this process finds the agent, and where it may write."""

    socket_path: str
    attempt_dir: str
    storage_dir: str
    mode: str


def run_attempt(load: Loader, spec: RunSpec, place: Workplace) -> int:
    agent = connect(path=place.socket_path, subject=spec.attempt_id, role="run")
    Path(place.attempt_dir).mkdir(parents=True, exist_ok=True)
    limit_memory(spec.tags)
    try:
        status = start(load, spec, place, agent)
    except Exception as error:  # noqa: BLE001 - whatever user code raises on load, or dagster on a bad selection
        status = fail(agent, spec, error)
    from daggerboard_worker.unsupported import asked_for

    agent.ask("exit", {"status": status, "unsupported": asked_for})
    return REPORTED if status in ("SUCCESS", "FAILURE", "CANCELED") else NOT_REPORTED


def start(load: Loader, spec: RunSpec, place: Workplace, agent: AgentConnection) -> str:
    # Only now: before the user's code, a lukewarm or cold process has no need of dagster's engine.
    from daggerboard_worker.execution import execute_run

    return str(execute_run(load(), spec, place, agent).value)


def fail(agent: AgentConnection, spec: RunSpec, error: Exception) -> str:
    """The run could not even start: dagster was not there yet to say so."""
    event: dict[str, Any] = {
        "ts": time.time(),
        "type": "PIPELINE_FAILURE",
        "level": 40,
        "step": None,
        "message": f"The run of {spec.job} could not start: its code did not load, or its selection does not exist.",
        "data": {"reason": "START_FAILED"},
        "error": load_error_info(error),
    }
    agent.post("events", [event])
    agent.flush()
    return "FAILURE"


def set_environment(values: dict[str, str | None] | None) -> None:
    """Secrets and settings of this attempt; null removes a variable."""
    for name, value in (values or {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
