"""`daggerboard job launch`: a job or assets, in the words of `dagster-cloud job launch`."""

import json
from typing import Annotated, Any

import typer

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.option_groups import Target, grouped
from controlplane.cli.options import Json, WaitTimeout

app = typer.Typer(no_args_is_help=True, help="Jobs.")


@app.callback()
def _jobs() -> None:
    """Keeps `launch` a subcommand, alone as it is."""


@app.command()
@grouped
def launch(
    *,
    location: Annotated[str, typer.Option("--location", "-l", help="The code location.")],
    job: Annotated[str | None, typer.Option("--job", "-j", help="The job; without it, name assets.")] = None,
    asset_key: Annotated[list[str] | None, typer.Option("--asset-key", help="May be repeated.")] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="The partition key.")] = None,
    tags: Annotated[str, typer.Option("--tags", help="A JSON object of tags.")] = "{}",
    config_json: Annotated[str, typer.Option("--config-json", help="The run config, as a JSON object.")] = "{}",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the end; exit with 1 unless it is a success.")
    ] = False,
    interval: Annotated[float, typer.Option("--interval", "-i", help="Seconds between two looks while waiting.")] = 1,
    timeout: WaitTimeout = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Launch a run of a job or of assets."""
    from controlplane.cli.branches import deployment_for
    from controlplane.cli.runs import launch as launch_run

    request: dict[str, Any] = {"location": location}
    request |= {"job": job} if job else {}
    request |= {"assets": asset_key} if asset_key else {}
    request |= {"partition": partition} if partition else {}
    request |= {"tags": _object(tags, "--tags"), "run_config": _object(config_json, "--config-json")}
    deployment = deployment_for(target)
    ended = launch_run(request, wait=wait, interval=interval, seconds=timeout, deployment=deployment, as_json=as_json)
    raise typer.Exit(ended)


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}", exit_code=ExitCode.USAGE) from error
    if not isinstance(found, dict):
        raise CommandError(f"{name} is a JSON object.", exit_code=ExitCode.USAGE)
    return found
