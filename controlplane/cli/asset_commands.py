"""`daggerboard asset …`: the words of the commands; what they do is in assets.py."""

import json
from typing import Annotated, Any

import typer

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json, PullRequest, Repository, WaitTimeout

app = typer.Typer(no_args_is_help=True, help="Say what happened to assets outside of runs, or forget what is known.")

Key = Annotated[str, typer.Argument(help="The asset's key, such as a/b.")]
Partition = Annotated[str | None, typer.Option("--partition", help="The partition key.")]
Description = Annotated[str | None, typer.Option("--description", help="What happened, in words.")]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", "-m", help="NAME=VALUE, the value as JSON where it is any; may be repeated."),
]
DataVersion = Annotated[str | None, typer.Option("--data-version", help="What tells this data from the data before.")]
At = Annotated[str | None, typer.Option("--at", help="When it happened, ISO 8601 with a time zone; now unless told.")]
Id = Annotated[str | None, typer.Option("--id", help="Yours: the same event with the same id is stored once.")]


@app.command()
def report(
    key: Key,
    partition: Partition = None,
    description: Description = None,
    metadata: Metadata = None,
    data_version: DataVersion = None,
    at: At = None,
    id_: Id = None,
    pr: PullRequest = None,
    repository: Repository = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Report that an asset was materialized."""
    given = {"partition": partition, "description": description, "data_version": data_version, "at": at, "id": id_}
    _report({"type": "materialization", "asset": key, **given}, metadata, deployment, pr, repository, as_json=as_json)


@app.command()
def observe(
    key: Key,
    partition: Partition = None,
    description: Description = None,
    metadata: Metadata = None,
    data_version: DataVersion = None,
    at: At = None,
    id_: Id = None,
    pr: PullRequest = None,
    repository: Repository = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Report that an asset was observed."""
    given = {"partition": partition, "description": description, "data_version": data_version, "at": at, "id": id_}
    _report({"type": "observation", "asset": key, **given}, metadata, deployment, pr, repository, as_json=as_json)


@app.command()
def check(
    key: Key,
    name: Annotated[str, typer.Argument(help="The check's name.")],
    passed: Annotated[bool, typer.Option("--passed/--failed", help="Its outcome.")],
    warn: Annotated[bool, typer.Option("--warn", help="A failure is a warning, not an error.")] = False,
    partition: Partition = None,
    description: Description = None,
    metadata: Metadata = None,
    at: At = None,
    id_: Id = None,
    pr: PullRequest = None,
    repository: Repository = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Report that a check of an asset was evaluated."""
    outcome = {"check_name": name, "passed": passed, "severity": "WARN" if warn else "ERROR"}
    given = {"partition": partition, "description": description, "at": at, "id": id_, **outcome}
    _report({"type": "check", "asset": key, **given}, metadata, deployment, pr, repository, as_json=as_json)


@app.command()
def wipe(
    key: Key,
    partition: Annotated[list[str] | None, typer.Option("--partition", help="Only this one; may be repeated.")] = None,
    partition_range: Annotated[
        str | None, typer.Option("--partition-range", help="Only FROM...TO, both included, as the asset orders them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the asset.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: WaitTimeout = None,
    pr: PullRequest = None,
    repository: Repository = None,
    deployment: Deployment = None,
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
    target = deployment_for(deployment, pr=pr, repository=repository)
    wipe_asset(body, wait=wait, seconds=timeout, deployment=target, as_json=as_json)


def _report(
    event: dict[str, Any],
    metadata: list[str] | None,
    deployment: str | None,
    pr: int | None,
    repository: str | None,
    *,
    as_json: bool,
) -> None:
    from controlplane.cli.assets import report_event
    from controlplane.cli.branches import deployment_for

    event = {name: value for name, value in event.items() if value is not None}
    if metadata:
        event["metadata"] = dict(_entry(text) for text in metadata)
    report_event(event, deployment=deployment_for(deployment, pr=pr, repository=repository), as_json=as_json)


def _entry(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"Metadata is NAME=VALUE; {text!r} is not.", exit_code=ExitCode.USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
