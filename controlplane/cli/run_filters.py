"""The options that say which runs are meant, for every command that takes them, as REST has them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from controlplane.cli.options import Deployment, Json, Yes
from controlplane.cli.words import moment, tags

_BACKFILL_TAG = "dagster/backfill"


class Status(StrEnum):
    """runs.states.RunStatus, which imports Django: the command line starts without. A test holds the two equal, and what follows."""

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


@dataclass(frozen=True)
class RunFilter:
    """Which runs are meant, in the words of the command line."""

    status: Annotated[
        list[Status] | None,
        _option("--status", help=f"Only these: {', '.join(Status)}. May be repeated.", case_sensitive=False),
    ] = None
    job: Annotated[str | None, _option("--job", "-j", help="Only of this job.")] = None
    location: Annotated[str | None, _option("--location", "-l", help="Only of this code location.")] = None
    asset: Annotated[
        str | None, _option("--asset", "-a", help="Only those that materialize this asset.", metavar="KEY")
    ] = None
    partition: Annotated[str | None, _option("--partition", help="Only of this partition.", metavar="KEY")] = None
    tag: Annotated[
        list[str] | None, _option("--tag", "-t", help="Only with this tag; may be repeated.", metavar="NAME=VALUE")
    ] = None
    backfill: Annotated[str | None, _option("--backfill", help="Only of this backfill.", metavar="ID")] = None
    launched_by: Annotated[
        str | None, _option("--launched-by", help="Only of this person, schedule, sensor or token.", metavar="WHO")
    ] = None
    since: Annotated[
        str | None,
        _option(
            "--since", help="Only launched since: a date or time, or how long ago, such as 2h or 7d.", metavar="WHEN"
        ),
    ] = None
    until: Annotated[str | None, _option("--until", help="Only launched before; as for --since.", metavar="WHEN")] = (
        None
    )

    def asked(self) -> dict[str, Any]:
        """The same as the API takes it: only what was said. CommandError about a tag or a moment that is none."""
        wanted = tags([*(self.tag or []), *([f"{_BACKFILL_TAG}={self.backfill}"] if self.backfill else [])])
        asked = {
            "status": list(self.status or ()),
            "job": self.job,
            "location": self.location,
            "asset": self.asset,
            "partition": self.partition,
            "tag": [f"{name}={value}" for name, value in (wanted or {}).items()],
            "launched_by": self.launched_by,
            "created_after": moment(self.since) if self.since else None,
            "created_before": moment(self.until) if self.until else None,
        }
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True)
class Chosen:
    """The runs of a command that acts on one or on many, where no filter says which, and how the command goes about it."""

    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUN", help="Ids, or their beginnings; or say with options which.")
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="All runs of the deployment.")] = False
    yes: Yes = False
    wait: Annotated[bool, typer.Option(help="Show how far it is, and wait for its end.")] = True
    deployment: Deployment = None
    as_json: Json = False
