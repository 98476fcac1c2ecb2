"""Cron expressions as sets of minutes, hours and days. Pure: no clock, no time zone; see cron_times.py for these."""

import calendar
import datetime
from dataclasses import dataclass, field

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = 5
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_WEEK = 7


class BadCronError(ValueError):
    """Not a cron expression of five fields."""


@dataclass(frozen=True)
class Cron:
    """An expression, understood. `every_day_of_month` and `every_day_of_week` say that the field is `*`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    every_hour: bool
    months: frozenset[int]
    days_of_month: frozenset[int]
    last_day_of_month: bool
    every_day_of_month: bool
    days_of_week: frozenset[int]
    # (day of week, n): the n-th of the month; 0 for the last.
    nth_days_of_week: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    every_day_of_week: bool = True

    def matches_day(self, day: datetime.date) -> bool:
        """Whether the expression fires on this day. Where both day fields say something, either is enough."""
        if day.month not in self.months:
            return False
        if self.every_day_of_month or self.every_day_of_week:
            return self._day_of_month(day) and self._day_of_week(day)
        return self._day_of_month(day) or self._day_of_week(day)

    def _day_of_month(self, day: datetime.date) -> bool:
        if self.every_day_of_month or day.day in self.days_of_month:
            return True
        return self.last_day_of_month and day.day == calendar.monthrange(day.year, day.month)[1]

    def _day_of_week(self, day: datetime.date) -> bool:
        weekday = day.isoweekday() % _WEEK
        if self.every_day_of_week or weekday in self.days_of_week:
            return True
        last = day.day + _WEEK > calendar.monthrange(day.year, day.month)[1]
        nth = (day.day - 1) // _WEEK + 1
        return (weekday, nth) in self.nth_days_of_week or (last and (weekday, 0) in self.nth_days_of_week)


def parse(expression: str) -> Cron:
    """Read an expression; BadCronError when it is none that we know."""
    parts = spelled_out(expression).lower().split()
    if len(parts) != _FIELDS:
        raise BadCronError(f"{expression!r} is not a cron expression of five fields.")
    try:
        return _parsed(*parts)
    except ValueError as error:
        raise BadCronError(f"{expression!r} is not a cron expression: {error}") from error


def spelled_out(expression: str) -> str:
    """The five fields that a word such as `@daily` stands for; anything else as it is."""
    return _ALIASES.get(expression.strip().lower(), expression)


def _parsed(minute: str, hour: str, day: str, month: str, weekday: str) -> Cron:
    nth = {word for word in weekday.split(",") if "#" in word or word.startswith("l")}
    plain = ",".join(word for word in weekday.split(",") if word not in nth)
    days = {word for word in day.split(",") if word != "l"}
    hours = _values(hour, 0, 23)
    return Cron(
        minutes=tuple(sorted(_values(minute, 0, 59))),
        hours=tuple(sorted(hours)),
        every_hour=len(hours) == 24,
        months=frozenset(_values(month, 1, 12, _MONTHS)),
        days_of_month=frozenset(_values(",".join(days), 1, 31)) if days else frozenset(),
        last_day_of_month="l" in day.split(","),
        every_day_of_month=day in {"*", "?"},
        days_of_week=frozenset(number % _WEEK for number in _values(plain, 0, 7, _DAYS)) if plain else frozenset(),
        nth_days_of_week=frozenset(_nth(word) for word in nth),
        every_day_of_week=weekday in {"*", "?"},
    )


def _nth(word: str) -> tuple[int, int]:
    if word.startswith("l"):
        return _number(word[1:], _DAYS) % _WEEK, 0
    weekday, _, count = word.partition("#")
    return _number(weekday, _DAYS) % _WEEK, 0 if count == "l" else int(count)


def _values(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for word in text.split(","):
        span, _, step = word.partition("/")
        every = int(step) if step else 1
        if every < 1:
            raise ValueError(f"the step of {word!r} is not positive")
        if span in {"*", "?"}:
            first, last = low, high
        elif "-" in span:
            first, last = (_number(end, names) for end in span.split("-", 1))
        else:
            first = _number(span, names)
            last = high if step else first
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(f"{word!r} is not between {low} and {high}")
        # A span may run over the end, as in `fri-mon` or `22-2`.
        beyond = last if first <= last else last + (high - low + 1)
        found |= {low + (value - low) % (high - low + 1) for value in range(first, beyond + 1, every)}
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    return (names or {}).get(text, -1) if (names or {}).get(text) is not None else int(text)
