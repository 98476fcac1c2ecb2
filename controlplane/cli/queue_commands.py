"""`daggerboard queue …`: who waits, for what, and moving a run."""

from typing import Annotated

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.option_groups import grouped
from controlplane.cli.options import Deployment, Json
from controlplane.cli.output import errors, minute, say_entries, say_json
from controlplane.cli.profile import load_profile
from controlplane.cli.run_filters import RunFilter
from controlplane.cli.runs import find_run, say_run, what_of

app = typer.Typer(no_args_is_help=True, help="The run queue: who waits, and for what.")


@app.command(name="list")
@grouped
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 25,
    deployment: Deployment = None,
    as_json: Json = False,
    filters: RunFilter,
) -> None:
    """List the runs that wait, the next to start first, each with what it waits for."""
    asked = filters.asked()
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.get("queue/", limit=limit, **asked)
    if as_json:
        say_json(found)
        return
    entries = (
        ([run["id"], f"priority {run['priority']}", minute(run["created_at"]), what_of(run)], one["waiting_reason"])
        for one in found["results"]
        for run in (one["run"],)
    )
    say_entries(entries, empty="No run waits that is like that." if asked else "No run waits.")
    if found["total"] > len(found["results"]):
        errors.print(f"{len(found['results'])} of {found['total']}: say how many with --limit.", markup=False)


@app.command(context_settings={"ignore_unknown_options": True})
def priority(
    run: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    value: Annotated[int, typer.Argument(metavar="PRIORITY", help="Higher starts earlier; 0 unless told.")],
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Move a run that waits."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.put(f"runs/{find_run(client, run)}/priority/", {"priority": value})
    say_json(found) if as_json else say_run(found)
