"""Daggerboard as the measures see it: its REST API, one connection per thread."""

import threading
from typing import Any

from benchmarks.system import ENDED_BADLY, MeasureError, Work
from controlplane.cli.api_client import ApiClient
from tests.installation import Installation

LOCATION = "acceptance"
PAGE = 500


class DaggerboardSystem:
    """An installation that has loaded the acceptance project."""

    name = "Daggerboard"
    poll_seconds = 0.02

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._local = threading.local()

    def launch(self, work: Work) -> str:
        return self.launch_request({"location": LOCATION, **_request(work)})

    def launch_request(self, request: dict[str, Any]) -> str:
        """Launch what the measures of the peer have no word for."""
        return str(self.client.post("runs/", request)["id"])

    def status(self, run_id: str) -> str:
        return str(self.run(run_id)["status"])

    def run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.client.get(f"runs/{run_id}/")
        return run

    def succeeded(self, run_ids: set[str]) -> set[str]:
        newest = self.client.get("runs/", limit=PAGE)["results"]
        found = [run for run in newest if run["id"] in run_ids]
        if bad := [run for run in found if run["status"] in ENDED_BADLY]:
            raise MeasureError(f"{len(bad)} runs ended badly, such as {bad[0]['id']}: {bad[0]['failure_message']}")
        return {run["id"] for run in found if run["status"] == "SUCCESS"}

    def log_lines(self, run_id: str) -> int:
        return self._events(run_id, "LOG", mentioning="line ")

    def step_successes(self, run_id: str) -> int:
        return self._events(run_id, "STEP_SUCCESS")

    def materializations(self, run_id: str) -> int:
        return sum(1 for _ in self.client.pages("materializations/", run=run_id, limit=PAGE))

    @property
    def client(self) -> ApiClient:
        """The connection of this thread."""
        if not hasattr(self._local, "client"):
            self._local.client = self._installation.client
        client: ApiClient = self._local.client
        return client

    def _events(self, run_id: str, kind: str, *, mentioning: str = "") -> int:
        """Dagster itself writes lines of its own into a run: only those that say `mentioning` count."""
        pages = self.client.pages(f"runs/{run_id}/events/", limit=PAGE)
        return sum(event["type"] == kind and mentioning in event["message"] for event in pages)


def _request(work: Work) -> dict[str, Any]:
    request: dict[str, Any] = {"run_config": work.run_config}
    if work.asset:
        request["assets"] = [work.asset]
    return request | ({"job": work.job} if work.job else {})
