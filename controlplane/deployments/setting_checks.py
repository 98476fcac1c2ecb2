"""Checks of single values in a deployment's settings: each takes the path and what was given, and answers what is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from tenants.errors import InvalidError

Check = Callable[[str, Any], Any]

# As in Dagster's own retention.
FOREVER = -1
_LIMITS_MAX = 200
_NAME_MAX = 200
_VALUE_MAX = 1000
_TAGS_MAX = 50


def whole(least: int, most: int) -> Check:
    """A whole number within bounds."""

    def check(path: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidError(f"{path} is a whole number from {least} to {most:,}.", attr=path)
        return value

    return check


def days(most: int) -> Check:
    """A number of days, or FOREVER."""

    def check(path: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not (value == FOREVER or 1 <= value <= most):
            raise InvalidError(f"{path} is a number of days from 1 to {most:,}, or {FOREVER} for ever.", attr=path)
        return value

    return check


def number(least: float, most: float) -> Check:
    """A number within bounds."""

    def check(path: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise InvalidError(f"{path} is a number from {least:g} to {most:g}.", attr=path)
        return value

    return check


def one_of(*words: str) -> Check:
    """One of these words."""

    def check(path: str, value: Any) -> str:
        if value not in words:
            raise InvalidError(f"{path} is one of {', '.join(words)}.", attr=path)
        return str(value)

    return check


def flag(path: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidError(f"{path} is true or false.", attr=path)
    return value


def tags(path: str, value: Any) -> dict[str, str]:
    """Names and values of tags of runs."""
    if not isinstance(value, Mapping) or len(value) > _TAGS_MAX:
        raise InvalidError(f"{path} is a mapping of at most {_TAGS_MAX} tags to their values.", attr=path)
    for name, text in value.items():
        if not (_is_text(name, _NAME_MAX) and name and _is_text(text, _VALUE_MAX)):
            raise InvalidError(
                f"{path}: names and values of tags are text that can be stored, of at most {_NAME_MAX} and {_VALUE_MAX:,} characters.",
                attr=path,
            )
    return dict(value)


def _is_text(value: Any, most: int) -> bool:
    """Whether Postgres stores it: no zero bytes, no halves of characters."""
    if not isinstance(value, str) or len(value) > most:
        return False
    return "\0" not in value and value == value.encode(errors="replace").decode()


def tag_limits(path: str, value: Any) -> list[dict[str, Any]]:
    """Dagster's tag_concurrency_limits: `{key, value or {applyLimitPerUniqueValue: true} or nothing, limit}`."""
    if not isinstance(value, list) or len(value) > _LIMITS_MAX:
        raise InvalidError(f"{path} is a list of at most {_LIMITS_MAX} limits.", attr=path)
    return [_tag_limit(f"{path}[{place}]", limit) for place, limit in enumerate(value)]


def _tag_limit(path: str, limit: Any) -> dict[str, Any]:
    if not isinstance(limit, Mapping) or not set(limit) <= {"key", "value", "limit"}:
        raise InvalidError(f"{path} is a mapping with key, limit and perhaps value.", attr=path)
    key, value = limit.get("key"), limit.get("value")
    if not _is_text(key, _NAME_MAX) or not key:
        raise InvalidError(f"{path}.key is the name of a tag.", attr=f"{path}.key")
    if isinstance(value, Mapping):
        if dict(value) not in ({"applyLimitPerUniqueValue": True}, {"applyLimitPerUniqueValue": False}):
            raise InvalidError(
                f"{path}.value is text, or {{applyLimitPerUniqueValue: true}} to limit each value by itself.",
                attr=f"{path}.value",
            )
        value = dict(value)
    elif value is not None and not _is_text(value, _VALUE_MAX):
        raise InvalidError(f"{path}.value is text, or {{applyLimitPerUniqueValue: true}}.", attr=f"{path}.value")
    checked = {"key": key, "limit": whole(0, 100_000)(f"{path}.limit", limit.get("limit"))}
    return checked if value is None else {**checked, "value": value}
