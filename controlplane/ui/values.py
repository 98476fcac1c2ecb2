"""How values are written for people: times, durations, sizes, money. Pure; the scripts write times and durations alike."""

import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KIB = 1024
MICROS = 1_000_000
# What stands where there is no value.
NOTHING = "\N{EN DASH}"
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}


def duration(seconds: float | None) -> str:
    """`830 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds is None:
        return NOTHING
    seconds = max(0.0, seconds)
    if seconds < _MINUTE:
        return _short(seconds)
    _limit, whole, unit, part, part_unit = next(row for row in _LONG if seconds < row[0])
    return f"{seconds // whole:.0f} {unit} {seconds % whole // part:.0f} {part_unit}"


# Below a limit: how many seconds the unit has, its name, and the same of the smaller unit beside it.
_LONG = ((_HOUR, _MINUTE, "min", 1, "s"), (_DAY, _HOUR, "h", _MINUTE, "min"), (float("inf"), _DAY, "d", _HOUR, "h"))


def _short(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    # Below ten seconds a tenth matters.
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def relative(at: datetime.datetime, now: datetime.datetime) -> str:
    """`just now`, `3 min ago`, `in 42 s`. Clocks differ by a little: what is a few seconds ahead is now."""
    seconds = (now - at).total_seconds()
    if seconds < -5:
        return f"in {_coarse(-seconds)}"
    return "just now" if seconds < 5 else f"{_coarse(seconds)} ago"


def _coarse(seconds: float) -> str:
    for limit, size, unit in ((_MINUTE, 1, "s"), (_HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds // _DAY:.0f} d"


def exact(at: datetime.datetime) -> str:
    """To the second, with its zone."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(number: float | None) -> str:
    """`312 B`, `4.1 MiB`."""
    if number is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < _KIB:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:.1f} TiB"


def money(micros: int | None, currency: str) -> str:
    """As exact as it has to be: `$12.40`, `$0.031`, `$0.000004`."""
    if micros is None:
        return NOTHING
    amount = micros / MICROS
    sign = _SIGNS.get(currency.lower(), f"{currency.upper()} ")
    if amount == 0 or amount >= 1:
        return f"{sign}{amount:,.2f}"
    text = f"{amount:.6f}".rstrip("0")
    significant = next((i for i, c in enumerate(text[2:]) if c != "0"), 0)
    return f"{sign}{amount:.{min(6, max(2, significant + 2))}f}"


def count(number: float | None) -> str:
    """With thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def plural(number: int, noun: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
