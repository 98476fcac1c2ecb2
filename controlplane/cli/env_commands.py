"""`daggerboard env`: its subcommands."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli import env_values
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json
from controlplane.cli.output import say_json, say_table

app = typer.Typer(no_args_is_help=True, help="Environment variables of a deployment.")
Scope = Annotated[
    list[str], typer.Option("--scope", "-s", help="full, branches, local, or branch:<name> alone; may be repeated.")
]
Locations = Annotated[
    list[str] | None, typer.Option("--location", "-l", help="A code location; may be repeated. None means all.")
]
File = Annotated[Path, typer.Argument(help="The file.")]


@app.command(name="list")
def list_variables(deployment: Deployment = None, as_json: Json = False) -> None:
    """List variables, without values."""
    env_values.list_variables(deployment=deployment, as_json=as_json)


@app.command(name="set")
def set_variable(
    name: Annotated[str, typer.Argument(help="The variable.")],
    value: Annotated[
        str | None, typer.Argument(help="The value. When not given it is asked for, or read from standard input.")
    ] = None,
    scope: Scope = ["full"],  # noqa: B006 - Typer reads it, nobody changes it
    location: Locations = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Where agents look the value up: vault:mount/path#field, aws:<arn>, kubernetes:name#key."),
    ] = None,
    from_env: Annotated[bool, typer.Option("--from-env", help="Take the value that the variable has here.")] = False,
    seal: Annotated[bool, typer.Option("--seal", help="Seal it so that nobody but the agents can read it.")] = False,
    masked: Annotated[bool, typer.Option(help="Mask the value in logs, events and errors.")] = True,
    deployment: Deployment = None,
) -> None:
    """Add a variable, or change the one with the same scope and code locations."""
    wanted = _wanted(scope, location) | {"masked": masked}
    if reference is not None:
        if value is not None or from_env or seal:
            raise CommandError("A reference has no value, and nothing to seal.", exit_code=ExitCode.USAGE)
        content: dict[str, Any] = {"reference": env_values.reference_of(reference)}
    else:
        content = {"value": _value(name, value, from_env=from_env)}
    done = env_values.set_variable(name, content, wanted=wanted, seal=seal, deployment=deployment)
    print(f"{name} is {done}.")


@app.command()
def unset(
    name: Annotated[str, typer.Argument(help="The variable.")],
    scope: Scope = ["full"],  # noqa: B006 - as above
    location: Locations = None,
    deployment: Deployment = None,
) -> None:
    """Take a variable away."""
    env_values.unset_variable(name, wanted=_wanted(scope, location), deployment=deployment)
    print(f"{name} is gone.")


@app.command()
def pull(file: File = Path(".env"), deployment: Deployment = None) -> None:
    """Write the variables with the scope local into a .env file; its other lines stay."""
    count, left_out = env_values.pull(file, deployment=deployment)
    print(f"Wrote {count} variables into {file}.")
    if left_out:
        print(f"Only agents can read {', '.join(left_out)}.", file=sys.stderr)


@app.command()
def push(
    file: File = Path(".env"),
    scope: Scope = ["full"],  # noqa: B006 - as above
    location: Locations = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Import a .env file: all of it, or nothing and every error by its line."""
    answer = env_values.push(file, wanted=_wanted(scope, location), dry_run=dry_run, deployment=deployment)
    if as_json:
        say_json(answer)
    else:
        rows = ((line["line"], line["name"], line["outcome"], line["message"]) for line in answer["lines"])
        say_table(("LINE", "NAME", "WHAT", ""), rows, empty="Nothing.")
    if any(line["outcome"] == "error" for line in answer["lines"]):
        raise CommandError("Nothing was imported.")


@app.command()
def effective(
    location: Annotated[str, typer.Argument(help="The code location.")],
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Show what a code location gets, and where each value comes from."""
    found = env_values.effective(location, deployment=deployment)
    if as_json:
        say_json(found)
        return
    rows = (
        (line["name"], line["value"] or "", line["scope"] or "set by Daggerboard", ", ".join(line["beats"]))
        for line in found
    )
    say_table(("NAME", "VALUE", "COMES FROM", "COUNTS MORE THAN"), rows, empty="Nothing.")


def _wanted(scope: list[str], location: list[str] | None) -> dict[str, Any]:
    return {"scopes": env_values.scopes_of(scope), "locations": sorted(set(location or []))}


def _value(name: str, value: str | None, *, from_env: bool) -> str:
    if from_env:
        return env_values.value_from_environment(name)
    if value is not None:
        return value
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True))
    piped = sys.stdin.read().removesuffix("\n")
    if not piped:
        raise CommandError(
            f'Nothing came on standard input. An empty value is given as an argument: daggerboard env set {name} ""',
            exit_code=ExitCode.USAGE,
        )
    return piped
