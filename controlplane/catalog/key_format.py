"""Keys of time windows in the usual formats, written and read many times as fast as strftime and strptime do."""

import datetime
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

_FIELDS = {
    "Y": ("year", 4),
    "m": ("month", 2),
    "d": ("day", 2),
    "H": ("hour", 2),
    "M": ("minute", 2),
    "S": ("second", 2),
}
_NAMES = tuple(name for name, _width in _FIELDS.values())


@dataclass(frozen=True)
class KeyFormat:
    """`write` gives what strftime would; `read` what strptime would of a text that `write` could have given, None of others."""

    write: Callable[[datetime.datetime], str]
    read: Callable[[str], datetime.datetime | None]


@functools.lru_cache(maxsize=256)
def key_format(fmt: str) -> KeyFormat:
    """Quick for formats of years, months, days, hours, minutes and seconds; as slow as the standard library for others."""
    tokens = re.split(r"(%.)", fmt)
    letters = [token[1] for token in tokens[1::2]]
    usual = (
        set(letters) <= set(_FIELDS)
        and len(set(letters)) == len(letters)
        and "Y" in letters
        and "%" not in "".join(tokens[::2])
    )
    return _quick(tokens, letters) if usual else KeyFormat(lambda moment: moment.strftime(fmt), lambda _text: None)


def _quick(tokens: list[str], letters: list[str]) -> KeyFormat:
    template = "".join(
        f"{{0.{_FIELDS[token[1]][0]}:0{_FIELDS[token[1]][1]}d}}"
        if number % 2
        else token.replace("{", "{{").replace("}", "}}")
        for number, token in enumerate(tokens)
    )
    pattern = re.compile(
        "".join(
            f"([0-9]{{{_FIELDS[token[1]][1]}}})" if number % 2 else re.escape(token)
            for number, token in enumerate(tokens)
        )
    )
    names = [_FIELDS[letter][0] for letter in letters]

    def read(text: str) -> datetime.datetime | None:
        found = pattern.fullmatch(text)
        if found is None:
            return None
        values = dict(zip(names, map(int, found.groups()), strict=True))
        try:
            return datetime.datetime(*(values.get(name, 1 if name in {"month", "day"} else 0) for name in _NAMES))  # type: ignore[arg-type]  # noqa: DTZ001 - six whole numbers; the zone is the caller's
        except ValueError:
            return None

    return KeyFormat(template.format, read)
