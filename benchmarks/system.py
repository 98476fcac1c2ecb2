"""What the measures need of a system under test, so that Daggerboard and its peer do the same work in the same way."""

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

ENDED_BADLY = {"FAILURE", "CANCELED"}


@dataclass(frozen=True)
class Work:
    """One kind of run of the acceptance project: an asset or a job, and its run config."""

    asset: str | None = None
    job: str | None = None
    run_config: dict[str, Any] = field(default_factory=dict)


QUICK = Work(asset="quick")
FIVE_STEPS = Work(job="five_steps")


def chatty(lines: int) -> Work:
    """An asset that logs this many lines through Dagster."""
    return Work(asset="chatty", run_config={"ops": {"chatty": {"config": {"lines": lines}}}})


class System(Protocol):
    """A control plane that has loaded the acceptance project. `poll_seconds` is the pause between two questions."""

    name: str
    poll_seconds: float

    def launch(self, work: Work) -> str: ...

    def status(self, run_id: str) -> str: ...

    def succeeded(self, run_ids: set[str]) -> set[str]:
        """Which of these runs have succeeded; raises when one ended otherwise."""

    def log_lines(self, run_id: str) -> int:
        """How many lines of context.log are stored of a run."""

    def step_successes(self, run_id: str) -> int: ...


class MeasureError(Exception):
    """The work that was measured did not do what it should have done."""


def run_to_success(system: System, work: Work, *, seconds: float) -> tuple[str, float]:
    """Launch and ask until SUCCESS is answered; the run and the milliseconds since before the launch."""
    began = time.perf_counter()
    run_id = system.launch(work)
    wait_success(system, run_id, deadline=began + seconds, pause=system.poll_seconds)
    return run_id, (time.perf_counter() - began) * 1000


def wait_success(system: System, run_id: str, *, deadline: float, pause: float) -> None:
    """Ask until SUCCESS is answered; `deadline` is a time of perf_counter, `pause` the seconds between two questions."""
    while (status := system.status(run_id)) != "SUCCESS":
        if status in ENDED_BADLY:
            raise MeasureError(f"Run {run_id} ended as {status}.")
        if time.perf_counter() > deadline:
            raise MeasureError(f"Run {run_id} is still {status} at the deadline.")
        time.sleep(pause)
