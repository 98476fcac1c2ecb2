"""How fresh an asset is by its freshness policy, and until when. Equal to dagster's own evaluators, which a test compares. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from controlplane.catalog.cron import BadCronError, Cron, parse
from controlplane.catalog.cron_times import firings
from controlplane.core.time_zones import time_zone

# 29 February comes after eight years at most.
# What a policy wants every thousand years it never wants again.
_LONGEST_SECONDS = 1000 * 366 * 86400.0
_LOOK_BACK = (3600.0, 86400.0, 8 * 86400.0, 63 * 86400.0, 800 * 86400.0, 9 * 366 * 86400.0)


class Freshness(StrEnum):
    """Dagster's FreshnessState."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Freshness.PASS: "Fresh",
    Freshness.WARN: "Getting old",
    Freshness.FAIL: "Overdue",
    Freshness.UNKNOWN: "No event yet",
    Freshness.NOT_APPLICABLE: "No freshness policy",
}


@dataclass(frozen=True)
class Judgement:
    """The state, and when it changes unless an event comes (seconds since the epoch); None: never."""

    state: Freshness
    until: float | None = None


@dataclass(frozen=True)
class TimeWindow:
    """An event is wanted in every window of this many seconds."""

    fail_seconds: float
    warn_seconds: float | None = None

    def judge(self, event: float, now: float) -> Judgement:
        age = now - event
        if age >= self.fail_seconds:
            return Judgement(Freshness.FAIL)
        if self.warn_seconds and age >= self.warn_seconds:
            return Judgement(Freshness.WARN, event + self.fail_seconds)
        return Judgement(Freshness.PASS, event + (self.warn_seconds or self.fail_seconds))

    def __str__(self) -> str:
        warn = f", warns after {_span(self.warn_seconds)}" if self.warn_seconds else ""
        return f"at least every {_span(self.fail_seconds)}{warn}"


@dataclass(frozen=True)
class Deadline:
    """An event is wanted between each firing and that many seconds before it. Looks at the last firing alone, as dagster does."""

    expression: str
    cron: Cron
    zone: ZoneInfo
    lower_bound_seconds: float

    def judge(self, event: float, now: float) -> Judgement:
        deadline = self._latest(now)
        if deadline is not None and event < deadline - self.lower_bound_seconds:
            # Only an event makes it fresh again.
            return Judgement(Freshness.FAIL)
        return Judgement(Freshness.PASS, self._first_missed(event, now))

    def _first_missed(self, event: float, now: float) -> float | None:
        """The first deadline to come that the event is too early for."""
        # From there on, not from now: with a long bound those in between are millions.
        after = max(now, event + self.lower_bound_seconds)
        moments = firings(self.cron, self.zone, after)
        return next((at for at in moments if at > now and event < at - self.lower_bound_seconds), None)

    def _latest(self, now: float) -> float | None:
        for span in _LOOK_BACK:
            latest = None
            for moment in firings(self.cron, self.zone, now - span):
                if moment > now:
                    break
                latest = moment
            if latest is not None:
                return latest
        return None

    def __str__(self) -> str:
        return f"by {self.expression} ({self.zone.key}), no earlier than {_span(self.lower_bound_seconds)} before"


Policy = TimeWindow | Deadline


def policy_of(definition: Mapping[str, Any] | None) -> Policy | None:
    """The policy that a manifest holds; None for none, and for kinds that only dagster's own daemon evaluates."""
    if definition is None:
        return None
    try:
        if definition.get("cls") == "TimeWindowFreshnessPolicy":
            warn = definition.get("warn_window")
            return TimeWindow(_seconds(definition["fail_window"]), _seconds(warn) if warn else None)
        if definition.get("cls") == "CronFreshnessPolicy":
            cron = str(definition["deadline_cron"])
            zone = time_zone(str(definition.get("timezone") or "UTC"))
            delta = definition.get("lower_bound_delta") or definition.get("serializable_lower_bound_delta")
            return Deadline(cron, parse(cron), zone, _seconds(delta or 0))
    except (KeyError, ValueError, TypeError, BadCronError):
        return None
    return None


def _seconds(given: Any) -> float:
    """A length of time of a policy, bounded, so that what follows from it is a time still; ValueError for none."""
    seconds = float(given)
    if math.isnan(seconds):
        raise ValueError("A length of time is a number.")
    return max(min(seconds, _LONGEST_SECONDS), -_LONGEST_SECONDS)


def judge(policy: Policy | None, event: float | None, now: float) -> Judgement:
    """How fresh an asset is whose latest event was at `event` (None: there is none)."""
    if policy is None:
        return Judgement(Freshness.NOT_APPLICABLE)
    if event is None:
        return Judgement(Freshness.UNKNOWN)
    return policy.judge(event, now)


def _span(seconds: float) -> str:
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0 and seconds >= unit:
            number = int(seconds // unit)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return f"{seconds:g} seconds"
