"""What `up` does once the processes stand: deploys the sample project and materializes its first assets, over the REST API."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError
from controlplane.cli.loads import failure_text
from controlplane.cli.run_filters import TERMINAL
from controlplane.embedded.progress import Progress

LOCATION, JOB = "flights", "first_materialization"
LOAD_SECONDS, RUN_SECONDS = 120.0, 300.0


@dataclass(frozen=True)
class FirstRun:
    """The outcome of the sample's first materialization."""

    id: str
    status: str
    events: int
    assets: int
    reason: str


def deploy_sample(client: ApiClient, project: Path, progress: Progress) -> None:
    """Deploy the sample project and wait until it is loaded; CommandError carries its load error."""
    with progress.step("sample code location") as step:
        target = {"working_directory": str(project), "executable_path": sys.executable}
        client.put(f"code-locations/{LOCATION}/", {"target": target})
        location = wait_loaded(client, LOCATION, seconds=LOAD_SECONDS)
        counts = location["current_version"]["counts"]
        step.detail = f"{counts['assets']} assets, {counts['jobs']} jobs"


def wait_loaded(client: ApiClient, name: str, *, seconds: float) -> dict[str, Any]:
    """The location once its desired version is loaded; CommandError when it failed to load."""
    location: dict[str, Any] = client.wait(
        f"code-locations/{name}/",
        lambda answer: answer["desired_version"]["state"] in {"loaded", "failed"},
        seconds=seconds,
        what=f"Loading the code location {name}",
    )
    version = location["desired_version"]
    if version["state"] == "failed":
        raise CommandError(failure_text(name, version))
    return location


def first_materialization(client: ApiClient, progress: Progress) -> FirstRun:
    """Run the sample's first job and wait for its end; a success of an earlier start counts and is not repeated."""
    with progress.step("first materialization") as step:
        earlier = client.get("runs/", job=JOB, status="SUCCESS", limit=1)["results"]
        run = (
            earlier[0] if earlier else wait_run(client, client.post("runs/", {"location": LOCATION, "job": JOB})["id"])
        )
        outcome = _outcome(client, run)
        step.detail = f"{outcome.assets} assets materialized" if run["status"] == "SUCCESS" else run["status"]
    return outcome


def wait_run(
    client: ApiClient, run_id: str, *, seconds: float = RUN_SECONDS, interval: float | None = None
) -> dict[str, Any]:
    """The run once it has ended."""
    run: dict[str, Any] = client.wait(
        f"runs/{run_id}/",
        lambda answer: answer["status"] in TERMINAL,
        seconds=seconds,
        what=f"Run {run_id}",
        interval=interval,
    )
    return run


def _outcome(client: ApiClient, run: dict[str, Any]) -> FirstRun:
    materializations = client.pages("materializations/", run=run["id"], limit=500)
    return FirstRun(
        id=run["id"],
        status=run["status"],
        events=run["event_count"],
        assets=len({m["asset_key"] for m in materializations}),
        reason=run["failure_message"],
    )


def wait_agent(client: ApiClient, progress: Progress, *, name: str, seconds: float = 30.0) -> None:
    """Return once the local agent is connected."""
    path = f"/api/v1/organizations/{client.profile.organization}/agents/"

    def connected(answer: Any) -> bool:
        return any(agent["name"] == name and agent["state"] == "connected" for agent in answer["results"])

    with progress.step("agent") as step:
        started = time.monotonic()
        client.wait(path, connected, seconds=seconds, what=f"The agent {name}")
        step.detail = f"connected in {time.monotonic() - started:.1f} s"
