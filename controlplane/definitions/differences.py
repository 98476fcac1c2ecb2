"""What a difference between two sets of definitions is: of which kind, what happened, and why it counts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kinds of definitions, in the order in which they are listed."""

    ASSET = "asset"
    CHECK = "check"
    JOB = "job"
    SCHEDULE = "schedule"
    SENSOR = "sensor"
    RESOURCE = "resource"


class Change(StrEnum):
    """What happened to a definition, in the order in which it is listed."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why a definition counts as changed, in words for people; the values are stored and sent."""

    CODE_VERSION = "code version"
    DEPENDENCIES = "dependencies"
    PARTITIONS = "partitions"
    TAGS = "tags"
    METADATA = "metadata"
    AUTOMATION = "automation"
    FRESHNESS = "freshness"
    EXECUTION = "execution"
    LOCATION = "code location"
    BLOCKING = "blocking"
    OPS = "ops"
    SELECTION = "selection"
    CONFIG = "config"
    CRON = "cron"
    TIMEZONE = "time zone"
    TARGET = "target"
    INTERVAL = "interval"
    TYPE = "type"
    STATUS = "default status"


# What makes the data of an asset other than it was, so that everything downstream is affected.
_MOVES_DATA = frozenset({Reason.CODE_VERSION, Reason.DEPENDENCIES, Reason.PARTITIONS, Reason.EXECUTION})


@dataclass(frozen=True)
class Detail:
    """One field that differs: plain JSON values, None where there is none."""

    reason: Reason
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """A definition that only one side has, or that is not the same on both. `name` is the key as text for assets (`a/b`) and checks
    (`a/b:name`); `location` is where it is now, or was when it is gone.
    """

    kind: Kind
    change: Change
    location: str
    name: str
    details: tuple[Detail, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it counts as changed, each once, in the order of `Reason`."""
        named = {detail.reason for detail in self.details}
        return tuple(reason for reason in Reason if reason in named)

    @property
    def moves_data(self) -> bool:
        """Whether an asset's data may be other than before, and not only what is said about it."""
        return self.change != Change.CHANGED or not _MOVES_DATA.isdisjoint(self.reasons)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.kind.value,
            "change": self.change.value,
            "location": self.location,
            "name": self.name,
            "reasons": [reason.value for reason in self.reasons],
            "details": [
                {"reason": d.reason.value, "field": d.field, "before": d.before, "after": d.after} for d in self.details
            ],
        }
