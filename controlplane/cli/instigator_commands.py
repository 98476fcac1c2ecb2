"""`daggerboard schedule …` and `daggerboard sensor …`: the words of the commands; what they do is in instigators.py and ticks.py."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli import instigators, ticks
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.instigators import Place
from controlplane.cli.option_groups import grouped
from controlplane.cli.options import Deployment, Json, Yes
from controlplane.cli.words import moment

Name = Annotated[str, typer.Argument(help="Its name.")]
Minutes = Annotated[int | None, typer.Option("--minutes", min=1, help="Only for so many minutes.")]
Ticks = Annotated[int | None, typer.Option("--ticks", min=1, help="Only for so many ticks.")]
Apply = Annotated[bool, typer.Option("--apply", help="Then do exactly what was shown.")]


class TickStatus(StrEnum):
    """automation.models.TickStatus, which imports Django; a test holds the two equal."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    SKIPPED = "SKIPPED"
    FAILURE = "FAILURE"
    MISSED = "MISSED"


@dataclass(frozen=True)
class OneOrAll:
    """What is turned on or off."""

    name: Annotated[str | None, typer.Argument(help="Its name; or say --all.")] = None
    everything: Annotated[bool, typer.Option("--all", help="All of the deployment, or of the code location.")] = False
    yes: Yes = False


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
    @grouped
    def start(*, minutes: Minutes = None, ticks: Ticks = None, which: OneOrAll, place: Place) -> None:
        if which.everything and (minutes or ticks):
            raise CommandError("--minutes and --ticks are for a single one.", exit_code=ExitCode.USAGE)
        _switch("start", which, place, {"minutes": minutes, "ticks": ticks})

    @app.command(help=f"Turn a {kind} off, whatever its code says; or all of them.")
    @grouped
    def stop(which: OneOrAll, place: Place) -> None:
        _switch("stop", which, place)

    def _switch(verb: str, which: OneOrAll, place: Place, body: Any = None) -> None:
        if (which.name is None) != which.everything:
            raise CommandError(f"Name one {kind}, or say --all.", exit_code=ExitCode.USAGE)
        if which.name is None:
            instigators.act_on_all(kind, verb, place, yes=which.yes)
        else:
            instigators.act(kind, which.name, verb, place, body)

    @app.command(help="Leave it to its code again whether it runs.")
    @grouped
    def reset(name: Name, place: Place) -> None:
        instigators.act(kind, name, "reset", place)

    @app.command(help=f"Evaluate a {kind} once now, on or off, and act on what comes of it.")
    @grouped
    def tick(name: Name, place: Place) -> None:
        instigators.act(kind, name, "tick", place)


def _add_ticks(app: typer.Typer, kind: str) -> None:
    @app.command(name="tick-history", help="List its ticks, the newest first.")
    @grouped
    def tick_history(
        *,
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
        place: Place,
    ) -> None:
        asked = {
            "status": list(status or ()),
            "after": moment(since) if since else None,
            "before": moment(until) if until else None,
        }
        filters = {field: value for field, value in asked.items() if value}
        ticks.history(kind, name, filters, place, limit=limit)

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
        @grouped
        def test(
            *,
            name: Name,
            at: Annotated[str | None, typer.Option(help="As if due then: a date or time; now unless told.")] = None,
            apply: Apply = False,
            yes: Yes = False,
            place: Place,
        ) -> None:
            body = {"due": moment(at)} if at else {}
            raise typer.Exit(ticks.test(kind, name, body, place, apply=apply, yes=yes))

    else:

        @app.command(name="test", help=text)
        @grouped
        def test_sensor(
            *,
            name: Name,
            cursor: Annotated[str | None, typer.Option(help="From this cursor; its own unless told.")] = None,
            apply: Apply = False,
            yes: Yes = False,
            place: Place,
        ) -> None:
            body = {"cursor": cursor} if cursor is not None else {}
            raise typer.Exit(ticks.test(kind, name, body, place, apply=apply, yes=yes))

    @app.command(help=f"Do what a test showed, once: daggerboard {kind} test NAME --json > test.json")
    @grouped
    def apply(
        name: Name,
        file: Annotated[Path, typer.Argument(help="What `test --json` printed; - for standard input.")],
        place: Place,
    ) -> None:
        ticks.apply_test(kind, name, file, place)


def _cursor_app() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Where a sensor goes on.")

    @app.command(help="Print a sensor's cursor; nothing when it has none.")
    @grouped
    def get(name: Name, place: Place) -> None:
        instigators.cursor(name, place)

    @app.command(
        name="set", help="Let a sensor go on from a cursor, or as if it had never run. Refused while it ticks."
    )
    @grouped
    def set_(
        *,
        name: Name,
        cursor: Annotated[str | None, typer.Argument(help="The cursor; - for standard input.")] = None,
        clear: Annotated[bool, typer.Option("--clear", help="As if it had never run.")] = False,
        place: Place,
    ) -> None:
        if (cursor is None) != clear:
            raise CommandError("Give a cursor, or --clear.", exit_code=ExitCode.USAGE)
        text = sys.stdin.read().removesuffix("\n") if cursor == "-" else cursor
        instigators.set_cursor(name, text, place)

    return app
