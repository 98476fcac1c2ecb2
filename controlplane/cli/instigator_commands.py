"""`daggerboard schedule …` and `daggerboard sensor …`: the words of the commands; what they do is in instigators.py."""

from typing import Annotated

import typer

from controlplane.cli import instigators
from controlplane.cli.options import Deployment, Json

Name = Annotated[str, typer.Argument(help="Its name.")]
Location = Annotated[
    str | None, typer.Option("--location", "-l", help="The code location, when several have one of this name.")
]
Minutes = Annotated[int | None, typer.Option("--minutes", min=1, help="Only for so many minutes.")]
Ticks = Annotated[int | None, typer.Option("--ticks", min=1, help="Only for so many ticks.")]


def app_of(kind: str) -> typer.Typer:
    """The subcommands of schedules or of sensors."""
    app = typer.Typer(no_args_is_help=True, help=f"{kind.capitalize()}s: list them, turn them on and off, try them.")

    @app.command(name="list")
    def list_(
        location: Annotated[str | None, typer.Option("--location", "-l", help="Only of this code location.")] = None,
        running: Annotated[bool | None, typer.Option("--running/--stopped", help="Only those.")] = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        instigators.list_all(kind, location=location, running=running, deployment=deployment, as_json=as_json)

    @app.command()
    def start(
        name: Name,
        location: Location = None,
        minutes: Minutes = None,
        ticks: Ticks = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        body = {"minutes": minutes, "ticks": ticks}
        instigators.act(kind, name, "start", location=location, deployment=deployment, body=body, as_json=as_json)

    @app.command()
    def stop(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.act(kind, name, "stop", location=location, deployment=deployment, as_json=as_json)

    @app.command()
    def reset(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.act(kind, name, "reset", location=location, deployment=deployment, as_json=as_json)

    @app.command()
    def tick(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.act(kind, name, "tick", location=location, deployment=deployment, as_json=as_json)

    for command, text in {
        list_: f"List the {kind}s of the deployment.",
        start: f"Turn a {kind} on, for good or for a while.",
        stop: f"Turn a {kind} off, whatever its code says.",
        reset: f"Leave it to its code again whether a {kind} runs.",
        tick: f"Evaluate a {kind} once now, on or off, and act on what comes of it.",
    }.items():
        command.__doc__ = text
        next(one for one in app.registered_commands if one.callback is command).help = text
    return app
