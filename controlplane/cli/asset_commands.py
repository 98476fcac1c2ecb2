"""`daggerboard asset …`: the words of the commands; what they do is in assets.py."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.option_groups import Target, grouped
from controlplane.cli.options import Deployment, Json, WaitTimeout
from controlplane.cli.words import tags

app = typer.Typer(
    no_args_is_help=True,
    help="Assets: list them, materialize them, see their health; say what happened outside of runs, or forget what is known.",
)

Status = Literal["materialized", "failed", "queued", "in_progress", "missing"]
Health = Literal["HEALTHY", "WARNING", "DEGRADED", "UNKNOWN", "NOT_APPLICABLE"]
Sync = Literal["MISSING", "STALE", "FRESH", "NOT_JUDGED"]
Key = Annotated[str, typer.Argument(help="The asset's key, such as a/b.")]
Partition = Annotated[str | None, typer.Option("--partition", help="The partition key.")]
DataVersion = Annotated[str | None, typer.Option("--data-version", help="What tells this data from the data before.")]


@dataclass(frozen=True)
class Reported:
    """What is said about any event that happened outside of runs."""

    partition: Partition = None
    description: Annotated[str | None, typer.Option("--description", help="What happened, in words.")] = None
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", help="NAME=VALUE, the value as JSON where it is any; may be repeated."),
    ] = None
    at: Annotated[
        str | None, typer.Option("--at", help="When it happened, ISO 8601 with a time zone; now unless told.")
    ] = None
    id_: Annotated[str | None, typer.Option("--id", help="Yours: the same event with the same id is stored once.")] = (
        None
    )

    def fields(self) -> dict[str, Any]:
        """As the API takes them; CommandError about metadata that is not NAME=VALUE."""
        said = {"partition": self.partition, "description": self.description, "at": self.at, "id": self.id_}
        return said | ({"metadata": dict(_entry(text) for text in self.metadata)} if self.metadata else {})


@app.command(name="list")
def list_(
    search: Annotated[str | None, typer.Argument(metavar="WORDS", help="Only those whose key contains this.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only of this group.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as dbt.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", "-t", help="Only with this tag, NAME or NAME=VALUE.")] = None,
    location: Annotated[str | None, typer.Option("--location", "-l", help="Only of this code location.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only these.", case_sensitive=False)] = None,
    health: Annotated[Health | None, typer.Option(help="Only these.", case_sensitive=False)] = None,
    sync: Annotated[
        Sync | None, typer.Option(help="Only those in sync with code and inputs, or not.", case_sensitive=False)
    ] = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """List assets with how they stand, by key."""
    from controlplane.cli.assets import list_assets

    filters: dict[str, str | None] = {
        "q": search,
        "group": group,
        "kind": kind,
        "owner": owner,
        "tag": tag,
        "location": location,
    }
    filters |= {"status": status, "health": health, "sync": sync}
    list_assets(filters, deployment=deployment, as_json=as_json)


@app.command()
@grouped
def materialize(
    *,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Asset keys such as a/b.")],
    partition: Partition = None,
    location: Annotated[
        str | None, typer.Option("--location", "-l", help="The code location, when several define them.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", "-t", help="A tag, NAME=VALUE; may be repeated.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the end; the exit code is 0 for a success.")] = True,
    timeout: WaitTimeout = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Materialize assets in one run. Many partitions: daggerboard backfill launch."""
    from controlplane.cli.branches import deployment_for
    from controlplane.cli.runs import launch

    asked = {"assets": keys, "partition": partition, "location": location, "tags": tags(tag or [])}
    request = {name: value for name, value in asked.items() if value is not None}
    deployment = deployment_for(target)
    raise typer.Exit(launch(request, wait=wait, seconds=timeout, deployment=deployment, as_json=as_json))


@app.command()
def health(key: Key, deployment: Deployment = None, as_json: Json = False) -> None:
    """Show an asset's health, and why it is what it is."""
    from controlplane.cli.assets import show_health

    show_health(key, deployment=deployment, as_json=as_json)


@app.command()
def acknowledge(
    key: Key,
    reason: Annotated[str | None, typer.Argument(help="What is known about it; everybody reads it.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take it back.")] = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Say that somebody knows why an asset is unwell. It holds until the causes change."""
    from controlplane.cli.assets import acknowledge_health

    if (reason is None) != withdraw:
        raise CommandError("Give a reason, or --withdraw.", exit_code=ExitCode.USAGE)
    acknowledge_health(key, reason, deployment=deployment, as_json=as_json)


@app.command()
@grouped
def report(
    *,
    key: Key,
    reported: Reported,
    data_version: DataVersion = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Report that an asset was materialized."""
    event = {"type": "materialization", "asset": key, "data_version": data_version}
    _report(event | reported.fields(), target, as_json=as_json)


@app.command()
@grouped
def observe(
    *,
    key: Key,
    reported: Reported,
    data_version: DataVersion = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Report that an asset was observed."""
    event = {"type": "observation", "asset": key, "data_version": data_version}
    _report(event | reported.fields(), target, as_json=as_json)


@app.command()
@grouped
def check(
    *,
    key: Key,
    name: Annotated[str, typer.Argument(help="The check's name.")],
    passed: Annotated[bool, typer.Option("--passed/--failed", help="Its outcome.")],
    warn: Annotated[bool, typer.Option("--warn", help="A failure is a warning, not an error.")] = False,
    reported: Reported,
    target: Target,
    as_json: Json = False,
) -> None:
    """Report that a check of an asset was evaluated."""
    outcome = {"check_name": name, "passed": passed, "severity": "WARN" if warn else "ERROR"}
    _report({"type": "check", "asset": key} | outcome | reported.fields(), target, as_json=as_json)


@app.command()
@grouped
def wipe(
    *,
    key: Key,
    partition: Annotated[list[str] | None, typer.Option("--partition", help="Only this one; may be repeated.")] = None,
    partition_range: Annotated[
        str | None, typer.Option("--partition-range", help="Only FROM...TO, both included, as the asset orders them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the asset.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: WaitTimeout = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Forget materializations, observations and check results of an asset, or of some partitions, until now. Data and code stay."""
    from controlplane.cli.assets import wipe_asset
    from controlplane.cli.branches import deployment_for

    body: dict[str, Any] = {"asset": key}
    if sum([bool(partition), bool(partition_range), everything]) != 1:
        raise CommandError("Say what to forget: --partition, --partition-range, or --all.", exit_code=ExitCode.USAGE)
    if partition:
        body["partitions"] = partition
    if partition_range:
        start, dots, end = partition_range.partition("...")
        if not (start and dots and end):
            raise CommandError("--partition-range is FROM...TO.", exit_code=ExitCode.USAGE)
        body["partition_range"] = {"start": start, "end": end}
    wipe_asset(body, wait=wait, seconds=timeout, deployment=deployment_for(target), as_json=as_json)


def _report(event: dict[str, Any], target: Target, *, as_json: bool) -> None:
    from controlplane.cli.assets import report_event
    from controlplane.cli.branches import deployment_for

    said = {name: value for name, value in event.items() if value is not None}
    report_event(said, deployment=deployment_for(target), as_json=as_json)


def _entry(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"Metadata is NAME=VALUE; {text!r} is not.", exit_code=ExitCode.USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
