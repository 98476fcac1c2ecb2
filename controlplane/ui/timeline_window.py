"""The stretch of time that the run timeline shows: read from the address, moved, made longer and shorter, marked with hours or days."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from django.http import QueryDict

from controlplane.ui.pages.runs import moment
from tenants.errors import InvalidError

RANGES = {"1h": 3600, "6h": 6 * 3600, "12h": 12 * 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600}
_DEFAULT = "6h"
# Of a range by its name, so much is still to come.
_FUTURE = 0.2
SHORTEST, LONGEST = 60, 31 * 24 * 3600
_STEPS = (10, 30, 60, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400)
_MOST_MARKS = 8
_DAY = 86400


@dataclass(frozen=True)
class Mark:
    """A round time on the axis: `x` in percent."""

    x: str
    label: str


@dataclass(frozen=True)
class Window:
    """From `since` to `until`, with `name` where it is a range that goes along with the time, and empty where it is fixed."""

    since: datetime.datetime
    until: datetime.datetime
    now: datetime.datetime
    name: str = ""

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()

    @property
    def is_over(self) -> bool:
        """Whether nothing that is shown changes any more, but for what still runs."""
        return self.until < self.now

    @cached_property
    def _scale(self) -> tuple[float, float]:
        return self.since.timestamp(), 100 / self.seconds

    def x(self, at: float) -> float:
        """Where a time, in seconds since 1970, is: from 0 to 100; what is outside is at the edge."""
        first, scale = self._scale
        return min(100.0, max(0.0, (at - first) * scale))

    @property
    def now_x(self) -> str | None:
        """Where now is, in percent; None outside."""
        return f"{self.x(self.now.timestamp()):.2f}" if self.since <= self.now <= self.until else None

    def moved(self, share: float) -> "Window":
        """As long, and so much of its length later."""
        by = datetime.timedelta(seconds=self.seconds * share)
        return Window(self.since + by, self.until + by, self.now)

    def zoomed(self, factor: float) -> "Window":
        """So many times as long, about the same middle, within bounds."""
        half = datetime.timedelta(seconds=min(LONGEST, max(SHORTEST, self.seconds * factor)) / 2)
        middle = self.since + (self.until - self.since) / 2
        return Window(middle - half, middle + half, self.now)

    @property
    def query(self) -> dict[str, str]:
        """What an address says to show it."""
        return {"range": self.name} if self.name else {"from": as_text(self.since), "to": as_text(self.until)}

    @property
    def marks(self) -> list[Mark]:
        """Round times in UTC, at most eight."""
        step = next((size for size in _STEPS if self.seconds / size <= _MOST_MARKS), _STEPS[-1])
        first = -(-self.since.timestamp() // step) * step
        times = [first + step * number for number in range(_MOST_MARKS + 1)]
        shown = [datetime.datetime.fromtimestamp(at, datetime.UTC) for at in times if at < self.until.timestamp()]
        days = [before.date() for before in shown]
        news = [True, *(one != other for one, other in pairwise(days))]
        return [
            Mark(f"{self.x(at.timestamp()):.2f}", _label(at, step, is_new=new))
            for at, new in zip(shown, news, strict=False)
        ]


def _label(at: datetime.datetime, step: int, *, is_new: bool) -> str:
    day = f"{at:%b} {at.day}"
    if step >= _DAY:
        return day
    clock = f"{at:%H:%M}" if step >= 60 else f"{at:%H:%M:%S}"
    return f"{day}, {clock}" if is_new else clock


def read_window(query: QueryDict, now: datetime.datetime) -> Window:
    """What the address asks for; InvalidError for a range that there is not, or one that ends before it begins."""
    since, until = moment(query, "from"), moment(query, "to")
    if since is None and until is None:
        return _named(query.get("range") or _DEFAULT, now)
    if since is None or until is None:
        raise InvalidError("Give both: from and to.", attr="from" if since is None else "to")
    if not SHORTEST <= (until - since).total_seconds() <= LONGEST + 1:
        raise InvalidError("The time must end at least a minute, and at most 31 days, after it begins.", attr="to")
    return Window(since, until, now)


def _named(name: str, now: datetime.datetime) -> Window:
    if name not in RANGES:
        raise InvalidError(f"{name[:20]!r} is none of {', '.join(RANGES)}.", attr="range")
    length = RANGES[name]
    until = now + datetime.timedelta(seconds=_FUTURE * length)
    return Window(until - datetime.timedelta(seconds=length), until, now, name)


def as_text(at: datetime.datetime) -> str:
    """As an address has it, in UTC to the second."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%S}"
