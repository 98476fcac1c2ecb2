"""`daggerboard automation …`: the automation conditions of a deployment, as a whole."""

from typing import Any

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.options import Deployment, Json
from controlplane.cli.output import say_fields, say_json, second
from controlplane.cli.profile import load_profile

app = typer.Typer(
    no_args_is_help=True,
    help="Automation conditions of a deployment (declarative automation): whether they are evaluated; pause them, resume them.",
)


@app.command()
def show(deployment: Deployment = None, as_json: Json = False) -> None:
    """Say whether conditions are evaluated, when they were last, and what cannot be."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        _say(client.get("automation/"), as_json=as_json)


@app.command()
def pause(deployment: Deployment = None, as_json: Json = False) -> None:
    """Evaluate no condition until they are resumed. What happens meanwhile is kept; schedules and other sensors go on."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        _say(client.post("automation/pause/"), as_json=as_json)


@app.command()
def resume(deployment: Deployment = None, as_json: Json = False) -> None:
    """Evaluate conditions again, with all that has happened meanwhile."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        _say(client.delete("automation/pause/"), as_json=as_json)


def _say(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    error = found["error"] or {}
    fields = {
        "conditions": _standing(found),
        "evaluated": second(found["evaluated_at"]),
        "next due": second(found["next_due_at"]),
        "error": error.get("evaluation"),
        **{f"left out {name}": why for name, why in (error.get("locations") or {}).items()},
    }
    say_fields({name: value for name, value in fields.items() if value})


def _standing(found: dict[str, Any]) -> str:
    if found["is_paused"]:
        return f"paused by {found['paused_by']}, {second(found['paused_at'])}"
    return (
        "evaluated"
        if found["is_running"]
        else "not evaluated: no sensor with conditions runs, as of the last evaluation"
    )
