"""`daggerboard run …`: the words of the commands; what they do is in runs.py, many_runs.py."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.option_groups import Target, grouped
from controlplane.cli.options import Deployment, Json, WaitTimeout
from controlplane.cli.run_filters import Chosen, RunFilter
from controlplane.cli.words import content_of, tags


class LaunchUnlessNamed(TyperGroup):
    """`run LOCATION …` is `run launch LOCATION …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.completed(args))

    def completed(self, words: list[str]) -> list[str]:
        """With `launch`, where they name no subcommand."""
        return ["launch", *words] if words and words[0] not in {*self.commands, "--help"} else words


app = typer.Typer(
    cls=LaunchUnlessNamed,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Runs: launch one, list them, cancel, run again or delete one or many. [b]daggerboard run LOCATION …[/] launches.",
)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the beginning of it.")]


@app.command()
@grouped
def launch(
    *,
    location: Annotated[str, typer.Argument(help="The code location.")],
    job: Annotated[str | None, typer.Option("--job", "-j", help="The job; without it, name assets.")] = None,
    asset: Annotated[
        list[str] | None, typer.Option("--asset", "-a", help="An asset key such as a/b; may be repeated.")
    ] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="The partition key.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A JSON file with the run config; - for standard input.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", "-t", help="A tag, NAME=VALUE; may be repeated.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the end; the exit code is 0 for a success.")] = True,
    timeout: WaitTimeout = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Launch a run and wait for its end."""
    from controlplane.cli.branches import deployment_for
    from controlplane.cli.runs import launch as launch_run

    request: dict[str, Any] = {"location": location}
    request |= {"job": job} if job else {}
    request |= {"assets": asset} if asset else {}
    request |= {"partition": partition} if partition else {}
    request |= {"run_config": _read_json(config)} if config else {}
    request |= {"tags": tags(tag)} if tag else {}
    deployment = deployment_for(target)
    raise typer.Exit(launch_run(request, wait=wait, seconds=timeout, deployment=deployment, as_json=as_json))


@app.command(name="list")
@grouped
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 25,
    deployment: Deployment = None,
    as_json: Json = False,
    filters: RunFilter,
) -> None:
    """List runs, the newest first."""
    from controlplane.cli.runs import list_runs

    list_runs(filters.asked(), limit=limit, deployment=deployment, as_json=as_json)


@app.command()
def show(run: RunId, deployment: Deployment = None, as_json: Json = False) -> None:
    """Show one run: how it stands, and why it waits or failed."""
    from controlplane.cli.runs import show_run

    show_run(run, deployment=deployment, as_json=as_json)


@app.command()
@grouped
def cancel(chosen: Chosen, filters: RunFilter) -> None:
    """Cancel a run, or many: those that are named, or, of those that have not ended, all that the options say."""
    from controlplane.cli.many_runs import act

    raise typer.Exit(act("cancel", chosen, filters.asked()))


@app.command(name="re-execute")
@grouped
def re_execute(
    *,
    from_failure: Annotated[
        bool, typer.Option("--from-failure", help="Only what did not succeed, and what comes after it.")
    ] = False,
    chosen: Chosen,
    filters: RunFilter,
) -> None:
    """Run again what a run did, or many: those that are named, or, of those that have ended, all that the options say.

    Of a single run, waits for the end of the new one.
    """
    from controlplane.cli.many_runs import act

    kind = "reexecute_from_failure" if from_failure else "reexecute"
    raise typer.Exit(act(kind, chosen, filters.asked()))


@app.command()
@grouped
def delete(chosen: Chosen, filters: RunFilter) -> None:
    """Delete runs that have ended with their events and output, for good. What they made stays in the catalog."""
    from controlplane.cli.many_runs import act

    raise typer.Exit(act("delete", chosen, filters.asked()))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(content_of(path))
    except (OSError, ValueError) as error:
        raise CommandError(f"The run config in {path} cannot be read: {error}", exit_code=ExitCode.USAGE) from error
