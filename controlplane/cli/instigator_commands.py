"""`daggerboard schedule …` and `daggerboard sensor …`: the words of the commands; what they do is in instigators.py and ticks.py."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli import instigators, ticks
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json, Yes
from controlplane.cli.words import moment

Name = Annotated[str, typer.Argument(help="Its name.")]
NameOrAll = Annotated[str | None, typer.Argument(help="Its name; or say --all.")]
Location = Annotated[
    str | None, typer.Option("--location", "-l", help="The code location, when several have one of this name.")
]
Minutes = Annotated[int | None, typer.Option("--minutes", min=1, help="Only for so many minutes.")]
Ticks = Annotated[int | None, typer.Option("--ticks", min=1, help="Only for so many ticks.")]
All = Annotated[bool, typer.Option("--all", help="All of the deployment, or of the code location.")]


class TickStatus(StrEnum):
    """Where a tick is."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    SKIPPED = "SKIPPED"
    FAILURE = "FAILURE"
    MISSED = "MISSED"


def app_of(kind: str) -> typer.Typer:
    """The subcommands of schedules or of sensors."""
    app = typer.Typer(no_args_is_help=True, help=f"{kind.capitalize()}s: list them, turn them on and off, try them.")
    _add_switches(app, kind)
    _add_ticks(app, kind)
    if kind == "sensor":
        app.add_typer(_cursor_app(), name="cursor")
    return app


def _add_switches(app: typer.Typer, kind: str) -> None:
    @app.command(name="list", help=f"List the {kind}s of the deployment.")
    def list_(
        location: Annotated[str | None, typer.Option("--location", "-l", help="Only of this code location.")] = None,
        running: Annotated[bool | None, typer.Option("--running/--stopped", help="Only those.")] = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        instigators.list_all(kind, location=location, running=running, deployment=deployment, as_json=as_json)

    @app.command(help=f"Turn a {kind} on, for good or for a while; or all of them.")
    def start(
        name: NameOrAll = None,
        location: Location = None,
        minutes: Minutes = None,
        ticks: Ticks = None,
        everything: All = False,
        yes: Yes = False,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        if everything and (minutes or ticks):
            raise CommandError("--minutes and --ticks are for a single one.", exit_code=ExitCode.USAGE)
        body = {"minutes": minutes, "ticks": ticks}
        _switch("start", name, everything, location, yes, deployment, as_json, body)

    @app.command(help=f"Turn a {kind} off, whatever its code says; or all of them.")
    def stop(
        name: NameOrAll = None,
        location: Location = None,
        everything: All = False,
        yes: Yes = False,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        _switch("stop", name, everything, location, yes, deployment, as_json)

    def _switch(
        verb: str,
        name: str | None,
        everything: bool,
        location: str | None,
        yes: bool,
        deployment: str | None,
        as_json: bool,
        body: Any = None,
    ) -> None:
        if (name is None) != everything:
            raise CommandError(f"Name one {kind}, or say --all.", exit_code=ExitCode.USAGE)
        if name is None:
            instigators.act_on_all(kind, verb, location=location, yes=yes, deployment=deployment, as_json=as_json)
        else:
            instigators.act(kind, name, verb, location=location, deployment=deployment, body=body, as_json=as_json)

    @app.command(help="Leave it to its code again whether it runs.")
    def reset(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.act(kind, name, "reset", location=location, deployment=deployment, as_json=as_json)

    @app.command(help=f"Evaluate a {kind} once now, on or off, and act on what comes of it.")
    def tick(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.act(kind, name, "tick", location=location, deployment=deployment, as_json=as_json)


def _add_ticks(app: typer.Typer, kind: str) -> None:
    @app.command(name="tick-history", help="List its ticks, the newest first.")
    def tick_history(
        name: Name,
        status: Annotated[
            list[TickStatus] | None,
            typer.Option(
                metavar="STATUS",
                help=f"Only these: {', '.join(TickStatus)}. May be repeated.",
                case_sensitive=False,
            ),
        ] = None,
        since: Annotated[
            str | None, typer.Option(help="Only due since: a date or time, or how long ago, such as 2h or 7d.")
        ] = None,
        until: Annotated[str | None, typer.Option(help="Only due before; as for --since.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 25,
        location: Location = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        asked = {
            "status": list(status or ()),
            "after": moment(since) if since else None,
            "before": moment(until) if until else None,
        }
        filters = {field: value for field, value in asked.items() if value}
        ticks.history(kind, name, filters, limit=limit, location=location, deployment=deployment, as_json=as_json)

    @app.command(name="tick-log", help="Show one tick: what it logged, its error, and the runs that it asked for.")
    def tick_log(
        tick: Annotated[str, typer.Argument(help="The tick's id.")],
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        ticks.log(kind, tick, deployment=deployment, as_json=as_json)

    text = f"Evaluate a {kind} now, show what it would do, and store nothing. Exit code 1 when its code fails."
    if kind == "schedule":

        @app.command(help=text)
        def test(
            name: Name,
            at: Annotated[str | None, typer.Option(help="As if due then: a date or time; now unless told.")] = None,
            apply: Annotated[bool, typer.Option("--apply", help="Then do exactly what was shown.")] = False,
            yes: Yes = False,
            location: Location = None,
            deployment: Deployment = None,
            as_json: Json = False,
        ) -> None:
            body = {"due": moment(at)} if at else {}
            _test(name, body, apply, yes, location, deployment, as_json)

    else:

        @app.command(name="test", help=text)
        def test_sensor(
            name: Name,
            cursor: Annotated[str | None, typer.Option(help="From this cursor; its own unless told.")] = None,
            apply: Annotated[bool, typer.Option("--apply", help="Then do exactly what was shown.")] = False,
            yes: Yes = False,
            location: Location = None,
            deployment: Deployment = None,
            as_json: Json = False,
        ) -> None:
            body = {"cursor": cursor} if cursor is not None else {}
            _test(name, body, apply, yes, location, deployment, as_json)

    def _test(
        name: str,
        body: dict[str, Any],
        apply: bool,
        yes: bool,
        location: str | None,
        deployment: str | None,
        as_json: bool,
    ) -> None:
        place: dict[str, Any] = {"location": location, "deployment": deployment, "as_json": as_json}
        raise typer.Exit(ticks.test(kind, name, body, apply=apply, yes=yes, **place))

    @app.command(help=f"Do what a test showed, once: daggerboard {kind} test NAME --json > test.json")
    def apply(
        name: Name,
        file: Annotated[Path, typer.Argument(help="What `test --json` printed; - for standard input.")],
        location: Location = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        ticks.apply_test(kind, name, file, location=location, deployment=deployment, as_json=as_json)


def _cursor_app() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Where a sensor goes on.")

    @app.command(help="Print a sensor's cursor; nothing when it has none.")
    def get(name: Name, location: Location = None, deployment: Deployment = None, as_json: Json = False) -> None:
        instigators.cursor(name, location=location, deployment=deployment, as_json=as_json)

    @app.command(
        name="set", help="Let a sensor go on from a cursor, or as if it had never run. Refused while it ticks."
    )
    def set_(
        name: Name,
        cursor: Annotated[str | None, typer.Argument(help="The cursor; - for standard input.")] = None,
        clear: Annotated[bool, typer.Option("--clear", help="As if it had never run.")] = False,
        location: Location = None,
        deployment: Deployment = None,
        as_json: Json = False,
    ) -> None:
        if (cursor is None) != clear:
            raise CommandError("Give a cursor, or --clear.", exit_code=ExitCode.USAGE)
        text = sys.stdin.read().removesuffix("\n") if cursor == "-" else cursor
        instigators.set_cursor(name, text, location=location, deployment=deployment, as_json=as_json)

    return app
