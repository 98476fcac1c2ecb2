"""`daggerboard backfill …`: the words of the commands; what they do is in backfills.py."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from controlplane.cli.options import Deployment, Json
from controlplane.cli.words import tags

app = typer.Typer(no_args_is_help=True, help="Backfills: many partitions of assets, or of a job.")

Id = Annotated[str, typer.Argument(help="Its id.")]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Show how it comes along, and wait for its end; exit with 1 unless it is a success."),
]


class BackfillStatus(StrEnum):
    """automation.models.BackfillStatus, which imports Django; a test holds the two equal. REQUESTED is one that runs."""

    REQUESTED = "REQUESTED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    FAILING = "FAILING"
    COMPLETED_SUCCESS = "COMPLETED_SUCCESS"
    COMPLETED_FAILED = "COMPLETED_FAILED"


@app.command()
def launch(
    asset: Annotated[list[str] | None, typer.Option("--asset", help="An asset key; may be repeated.")] = None,
    job: Annotated[str | None, typer.Option("--job", "-j", help="A job, in place of assets.")] = None,
    location: Annotated[str | None, typer.Option("--location", "-l", help="The job's code location.")] = None,
    partitions: Annotated[
        str | None, typer.Option("--partitions", help="Keys and ranges, such as 2026-01-01...2026-01-31,2026-03-01.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The latest partition of each.")] = False,
    only: Annotated[
        str | None, typer.Option("--only", help="Of these only: missing, failed or missing_and_failed.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What it is for.")] = "",
    priority: Annotated[int, typer.Option("--priority", help="Higher goes first.")] = 0,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A tag of its runs, name=value; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would make, and launch nothing.")] = False,
    wait: Wait = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Launch a backfill. Without --partitions and --latest, of all partitions."""
    from controlplane.cli import backfills

    asked: dict[str, Any] = {
        "assets": asset or None,
        "job": job,
        "location": location,
        "partitions": partitions,
        "latest": latest or None,
        "only": only,
        "title": title or None,
        "priority": priority or None,
        "tags": tags(tag or []),
    }
    body = {name: value for name, value in asked.items() if value is not None}
    raise typer.Exit(
        backfills.preview(body, deployment=deployment, as_json=as_json)
        if dry_run
        else backfills.launch(body, wait=wait, deployment=deployment, as_json=as_json)
    )


@app.command(name="list")
def list_(
    status: Annotated[
        list[BackfillStatus] | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help=f"Only these: {', '.join(BackfillStatus)}. May be repeated.",
            case_sensitive=False,
        ),
    ] = None,
    asset: Annotated[str | None, typer.Option("--asset", help="Only of this asset.")] = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """List the newest backfills."""
    from controlplane.cli import backfills

    backfills.show_all(status=list(status or ()), asset=asset, deployment=deployment, as_json=as_json)


@app.command()
def show(backfill: Id, wait: Wait = False, deployment: Deployment = None, as_json: Json = False) -> None:
    """Show one backfill, and where it is with each asset."""
    from controlplane.cli import backfills

    raise typer.Exit(backfills.show(backfill, wait=wait, deployment=deployment, as_json=as_json))


@app.command()
def pause(backfill: Id, deployment: Deployment = None, as_json: Json = False) -> None:
    """Launch nothing more until it is resumed."""
    _act(backfill, "pause", deployment, as_json=as_json)


@app.command()
def resume(backfill: Id, deployment: Deployment = None, as_json: Json = False) -> None:
    """Go on launching."""
    _act(backfill, "resume", deployment, as_json=as_json)


@app.command()
def cancel(backfill: Id, deployment: Deployment = None, as_json: Json = False) -> None:
    """Launch nothing more, and cancel its runs."""
    _act(backfill, "cancel", deployment, as_json=as_json)


@app.command()
def retry(backfill: Id, wait: Wait = False, deployment: Deployment = None, as_json: Json = False) -> None:
    """Start a new backfill of exactly what this one did not make."""
    from controlplane.cli import backfills

    raise typer.Exit(backfills.retry(backfill, wait=wait, deployment=deployment, as_json=as_json))


def _act(backfill: str, verb: str, deployment: str | None, *, as_json: bool) -> None:
    from controlplane.cli import backfills

    backfills.act(backfill, verb, deployment=deployment, as_json=as_json)
