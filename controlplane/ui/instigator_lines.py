"""Schedules, sensors and their ticks in the words of the pages."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from cron_descriptor import ExpressionDescriptor, FormatError, MissingFieldError, Options, WrongArgumentError

from controlplane.automation.instigators.running import has_ticks, is_timed
from controlplane.automation.instigators.selectors import InstigatorView
from controlplane.automation.instigators.upcoming import interval_seconds
from controlplane.automation.models import Choice, Instigator, InstigatorKind, Tick, TickStatus
from controlplane.catalog.cron import spelled_out
from controlplane.core.time_zones import time_zone
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Schedule, Sensor

# Dagster's types of sensors, where the word says more than "sensor".
_SENSORS = {
    "RUN_STATUS": "Run status sensor",
    "ASSET": "Asset sensor",
    "MULTI_ASSET": "Multi-asset sensor",
    "AUTOMATION": "Automation conditions",
    "AUTO_MATERIALIZE": "Automation conditions",
}
# Data status (the shape and colour of the badge) and word of each tick.
_TICKS = {
    TickStatus.WAITING: ("QUEUED", "Waiting for an agent"),
    TickStatus.STARTED: ("STARTED", "Evaluating"),
    TickStatus.SUCCESS: ("SUCCESS", "Requested runs"),
    TickStatus.SKIPPED: ("skipped", "Skipped"),
    TickStatus.FAILURE: ("FAILURE", "Failed"),
    TickStatus.MISSED: ("missed", "Missed"),
}
# What comes later than this after its time is worth a word.
_LATE_SECONDS = 5.0
# The clock looks many times a second; this long without it, something is wrong.
_OVERDUE_SECONDS = 20.0


def cron_words(expression: str) -> str:
    """A cron expression as people say it: "At 02:00, only on Sunday"; itself where nobody can."""
    options = Options()
    options.use_24hour_time_format = True
    try:
        return str(ExpressionDescriptor(spelled_out(expression), options).get_description())
    except (FormatError, MissingFieldError, WrongArgumentError, ValueError, IndexError):
        return expression


@dataclass(frozen=True)
class TickLine:
    """One tick in a list or on its page."""

    tick: Tick

    @property
    def shape(self) -> str:
        return _TICKS[TickStatus.MISSED if self.tick.was_lost else TickStatus(self.tick.status)][0]

    @property
    def word(self) -> str:
        """Its status; with the number of runs where it requested some."""
        if self.tick.status == TickStatus.SUCCESS and self.tick.requested:
            return f"Requested {self.tick.requested} run{'s' if self.tick.requested != 1 else ''}"
        if self.tick.status == TickStatus.SUCCESS and self.tick.reactions:
            return "Reacted to a run"
        if self.tick.was_lost:
            return "Agent lost"
        return _TICKS[TickStatus(self.tick.status)][1]

    @property
    def why(self) -> str:
        """One line of what came of it: the error, the reason, or why it skipped."""
        error = self.tick.error or {}
        text = str(error.get("message") or self.tick.reason or self.tick.skip_reason or "")
        return text.strip().partition("\n")[0]

    @property
    def seconds(self) -> float | None:
        """How long user code took."""
        if self.tick.started_at is None or self.tick.ended_at is None:
            return None
        return (self.tick.ended_at - self.tick.started_at).total_seconds()

    @property
    def lag(self) -> float | None:
        """Seconds from its due time to its start, where that is more than nothing."""
        if self.tick.started_at is None:
            return None
        late = (self.tick.started_at - self.tick.due_at).total_seconds()
        return late if late >= _LATE_SECONDS else None


@dataclass(frozen=True)
class InstigatorLine:
    """One schedule or sensor; `may_write` says whether the reader turns it on and off."""

    view: InstigatorView
    may_write: bool

    @property
    def row(self) -> Instigator:
        return self.view.row

    @property
    def kind(self) -> str:
        return "Schedule" if self.row.kind == InstigatorKind.SCHEDULE else _SENSORS.get(self.row.sensor_type, "Sensor")

    @property
    def is_schedule(self) -> bool:
        return self.row.kind == InstigatorKind.SCHEDULE

    @property
    def has_ticks(self) -> bool:
        return has_ticks(self.row)

    @property
    def is_timed(self) -> bool:
        """Whether it runs for a while only."""
        return is_timed(self.row)

    @property
    def shape(self) -> str:
        if not self.row.is_defined:
            return "missing"
        return "active" if self.row.is_running else "stopped"

    @property
    def word(self) -> str:
        if not self.view.has_location:
            return "Deleted"
        if not self.row.is_defined:
            return "Not defined"
        return "On" if self.row.is_running else "Off"

    @property
    def decided(self) -> str:
        """Who decided that."""
        if not self.row.choice:
            return "by its code"
        return f"by {self.row.chosen_by}" if self.row.chosen_by else "by hand"

    @property
    def by_code(self) -> str:
        """What its code says, where people decided something else."""
        said = Choice.RUNNING if self.row.is_default_running else Choice.STOPPED
        if not self.row.choice or self.row.choice == said:
            return ""
        return "on" if self.row.is_default_running else "off"

    @property
    def when(self) -> list[str]:
        """When it is evaluated, in words."""
        if self.is_schedule:
            return [cron_words(expression) for expression in self.row.cron]
        if not self.has_ticks:
            return ["When an asset changes"]
        return [f"Every {_seconds(interval_seconds(self.row))}"]

    @cached_property
    def last(self) -> TickLine | None:
        return TickLine(self.view.last_tick) if self.view.last_tick is not None else None

    @property
    def jobs(self) -> list[str]:
        """The jobs it names; dagster's own for a selection of assets is not one."""
        found = self.view.definition
        named = [found.job] if isinstance(found, Schedule) else list(found.jobs) if isinstance(found, Sensor) else []
        return [name for name in named if name and not name.startswith("__")]

    @property
    def assets(self) -> list[str]:
        found = self.view.definition
        return sorted(to_text(key) for key in (found.assets or [])) if found is not None else []

    @property
    def watched(self) -> list[str]:
        found = self.view.definition
        return sorted(to_text(key) for key in found.watched_assets) if isinstance(found, Sensor) else []

    def local(self, at: datetime.datetime) -> str:
        """A due time as the clock of its own time zone shows it."""
        try:
            zone = time_zone(self.row.timezone or "UTC")
        except ValueError:
            zone = ZoneInfo("UTC")
        return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}".removesuffix(":00")

    @property
    def overdue(self) -> float | None:
        """Seconds since it should have been evaluated, where nobody has been able to."""
        if not self.row.is_running or self.row.next_tick_at is None:
            return None
        late = (datetime.datetime.now(datetime.UTC) - self.row.next_tick_at).total_seconds()
        return late if late >= _OVERDUE_SECONDS else None


def unserved(newest: Sequence[TickLine]) -> int:
    """How many of these (the newest at the end) were not evaluated since the last one that was: for want of an agent, not by a fault of code."""
    ended = [line.tick for line in reversed(newest) if line.tick.ended_at is not None]
    return next((number for number, tick in enumerate(ended) if not tick.is_unserved), len(ended))


def _seconds(seconds: float) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {word}s" if number > 1 else word
    return f"{seconds:g} seconds" if seconds != 1 else "second"
