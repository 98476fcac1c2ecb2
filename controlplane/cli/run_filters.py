"""The options that say which runs are meant, for every command that takes them, as REST has them."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any

import typer

from controlplane.cli.words import moment, tags

_BACKFILL_TAG = "dagster/backfill"


class Status(StrEnum):
    """Where a run is, as dagster spells it."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    CANCELING = "CANCELING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELED = "CANCELED"


TERMINAL = (Status.SUCCESS, Status.FAILURE, Status.CANCELED)
ACTIVE = tuple(status for status in Status if status not in TERMINAL)


def _option(*names: str, metavar: str | None = None, **given: Any) -> Any:
    return typer.Option(*names, metavar=metavar or names[0].strip("-").upper(), rich_help_panel="Which runs", **given)


def _filters(
    *,
    status: Annotated[
        list[Status] | None,
        _option("--status", help=f"Only these: {', '.join(Status)}. May be repeated.", case_sensitive=False),
    ] = None,
    job: Annotated[str | None, _option("--job", "-j", help="Only of this job.")] = None,
    location: Annotated[str | None, _option("--location", "-l", help="Only of this code location.")] = None,
    asset: Annotated[
        str | None, _option("--asset", "-a", help="Only those that materialize this asset.", metavar="KEY")
    ] = None,
    partition: Annotated[str | None, _option("--partition", help="Only of this partition.", metavar="KEY")] = None,
    tag: Annotated[
        list[str] | None, _option("--tag", "-t", help="Only with this tag; may be repeated.", metavar="NAME=VALUE")
    ] = None,
    backfill: Annotated[str | None, _option("--backfill", help="Only of this backfill.", metavar="ID")] = None,
    launched_by: Annotated[
        str | None, _option("--launched-by", help="Only of this person, schedule, sensor or token.", metavar="WHO")
    ] = None,
    since: Annotated[
        str | None,
        _option(
            "--since", help="Only launched since: a date or time, or how long ago, such as 2h or 7d.", metavar="WHEN"
        ),
    ] = None,
    until: Annotated[
        str | None, _option("--until", help="Only launched before; as for --since.", metavar="WHEN")
    ] = None,
) -> dict[str, Any]:
    """The filter as the API takes it."""
    wanted = tags([*(tag or []), *([f"{_BACKFILL_TAG}={backfill}"] if backfill else [])])
    asked = {
        "status": list(status or ()),
        "job": job,
        "location": location,
        "asset": asset,
        "partition": partition,
        "tag": [f"{name}={value}" for name, value in (wanted or {}).items()],
        "launched_by": launched_by,
        "created_after": moment(since) if since else None,
        "created_before": moment(until) if until else None,
    }
    return {name: value for name, value in asked.items() if value}


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command these options; it gets what they say as `filters`. Typer reads options from a signature: this writes one."""
    own, shared = (inspect.signature(one, eval_str=True).parameters for one in (command, _filters))

    @wraps(command)
    def call(**given: Any) -> None:
        filters = _filters(**{name: given.pop(name) for name in shared})
        command(filters=filters, **given)

    parameters = [*(one for name, one in own.items() if name != "filters"), *shared.values()]
    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    call.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]  # what inspect looks for
    call.__annotations__ = {one.name: one.annotation for one in keyword_only}
    return call
