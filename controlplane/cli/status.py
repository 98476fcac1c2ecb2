"""`daggerboard status`: agents, code locations and the newest runs of a deployment."""

from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.output import console, say_json, say_table
from controlplane.cli.profile import load_profile

_NEWEST = 10


def print_status(*, deployment: str | None, as_json: bool) -> None:
    """Print three tables, or one document."""
    profile = load_profile(deployment=deployment)
    with ApiClient(profile) as client:
        agents = list(client.pages(f"/api/v1/organizations/{profile.organization}/agents/"))
        locations = list(client.pages("code-locations/"))
        runs = client.get("runs/", limit=_NEWEST)["results"]
    if as_json:
        say_json({"agents": agents, "code_locations": locations, "runs": runs})
        return
    console.print(f"{profile.organization}/{profile.deployment} at {profile.url}\n", markup=False)
    say_table(
        ("AGENT", "STATE", "WHY"),
        ([agent["name"], agent["state"], agent["cause"]] for agent in agents),
        empty="No agent has connected yet: daggerboard agent run --help",
    )
    console.print()
    say_table(
        ("CODE LOCATION", "STATE", "DAGSTER", "ASSETS"),
        (
            [
                location["name"],
                _state(location),
                location["desired_version"]["dagster_version"],
                location["desired_version"]["counts"].get("assets", ""),
            ]
            for location in locations
        ),
        empty="No code location yet: daggerboard deploy --help",
    )
    console.print()
    say_table(
        ("RUN", "STATUS", "JOB", "STARTED BY"),
        ([run["id"], run["status"], run["job_name"], run["actor_label"]] for run in runs),
        empty="No run yet: daggerboard run --help",
    )


def _state(location: dict[str, Any]) -> str:
    """That of the newest version, and which one serves meanwhile where that is another."""
    newest, serving = location["desired_version"], location["current_version"]
    if serving is None or serving["id"] == newest["id"]:
        return str(newest["state"])
    return f"{newest['state']} (version {serving['number']} serves)"
