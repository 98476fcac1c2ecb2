"""The peer's GraphQL: the few questions and commands that the measures need, and the peer as a System."""

from typing import Any

import httpx

from benchmarks.system import ENDED_BADLY, MeasureError, Work

_LAUNCH = """
mutation ($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } }
} }"""
_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_STATUSES = "query ($f: RunsFilter) { runsOrError(filter: $f) { ... on Runs { results { runId status } } } }"
_EVENTS = """
query ($id: ID!, $after: String) { logsForRun(runId: $id, afterCursor: $after, limit: 1000) {
  ... on EventConnection { cursor hasMore events { __typename ... on MessageEvent { eventType } } }
} }"""
_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
  ... on RepositoryLocation { name repositories { name } }
  ... on PythonError { message }
} } } } }"""
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
# Nodes with their edges, and what a lineage page shows of each.
_GRAPH = """
{ assetNodes { id groupName hasMaterializePermission jobNames opNames opVersion description computeKind isPartitioned
  isObservable isMaterializable isExecutable assetKey { path } kinds tags { key value }
  repository { id name location { id name } }
  dependencyKeys { path } dependedByKeys { path } } }"""


class GraphQL:
    """One connection to a Dagster webserver."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=120, trust_env=False)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self._http.post("/graphql", json={"query": query, "variables": variables})
        document = answer.json()
        if document.get("errors"):
            raise MeasureError(f"Dagster refused: {document['errors']}")
        data: dict[str, Any] = document["data"]
        return data

    def locations(self) -> list[dict[str, Any]]:
        """The loaded code locations; empty while the server is starting."""
        try:
            entries = self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
        except httpx.TransportError:
            return []
        loaded = [entry["locationOrLoadError"] for entry in entries if entry["loadStatus"] == "LOADED"]
        failed = [location["message"] for location in loaded if "message" in location]
        if failed:
            raise MeasureError(f"Dagster could not load the project: {failed[0]}")
        return [location for location in loaded if location]

    def queue_daemon_is_healthy(self) -> bool:
        """Whether the daemon that starts queued runs has reported."""
        daemons = self.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return any(daemon["daemonType"] == "QUEUED_RUN_COORDINATOR" and daemon["healthy"] for daemon in daemons)

    def asset_graph(self) -> int:
        """Fetch the whole asset graph; returns the number of its nodes."""
        return len(self.ask(_GRAPH)["assetNodes"])


class DagsterSystem:
    """The peer, as the measures see it."""

    name = "Dagster"
    # Coarser than for Daggerboard: its answers cost it more, and its runs take seconds.
    poll_seconds = 0.1

    def __init__(self, graphql: GraphQL) -> None:
        self._graphql = graphql
        location = graphql.locations()[0]
        self._where = {
            "repositoryLocationName": location["name"],
            "repositoryName": location["repositories"][0]["name"],
        }

    def launch(self, work: Work) -> str:
        selector: dict[str, Any] = {**self._where, "jobName": work.job or "__ASSET_JOB"}
        if work.asset:
            selector["assetSelection"] = [{"path": [work.asset]}]
        answer = self._graphql.ask(_LAUNCH, p={"selector": selector, "runConfigData": work.run_config})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise MeasureError(f"Dagster did not launch {work}: {answer}")
        return str(answer["run"]["runId"])

    def status(self, run_id: str) -> str:
        return str(self._graphql.ask(_STATUS, id=run_id)["runOrError"]["status"])

    def succeeded(self, run_ids: set[str]) -> set[str]:
        runs = self._graphql.ask(_STATUSES, f={"runIds": sorted(run_ids)})["runsOrError"]["results"]
        if bad := [run for run in runs if run["status"] in ENDED_BADLY]:
            raise MeasureError(f"Dagster's runs ended badly: {bad}")
        return {run["runId"] for run in runs if run["status"] == "SUCCESS"}

    def log_lines(self, run_id: str) -> int:
        return sum(event["__typename"] == "LogMessageEvent" for event in self._events(run_id))

    def step_successes(self, run_id: str) -> int:
        return sum(event.get("eventType") == "STEP_SUCCESS" for event in self._events(run_id))

    def _events(self, run_id: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        page: dict[str, Any] = {"hasMore": True, "cursor": None}
        while page["hasMore"]:
            page = self._graphql.ask(_EVENTS, id=run_id, after=page["cursor"])["logsForRun"]
            events += page["events"]
        return events
