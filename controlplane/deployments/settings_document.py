"""The settings of a full deployment: a document with Dagster+'s key names, of which we take those that have an effect here.

Nothing is ignored in silence: a key that we do not know, or do not heed yet, is refused with its path.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from tenants.errors import InvalidError

MAX_RUNS_PATH = ("concurrency", "runs", "max_concurrent_runs")
START_TIMEOUT_PATH = ("run_monitoring", "start_timeout_seconds")
CANCEL_TIMEOUT_PATH = ("run_monitoring", "cancel_timeout_seconds")
MAX_RUNTIME_PATH = ("run_monitoring", "max_runtime_seconds")

# Dagster+ has an older name for this one.
_OLDER_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {("run_queue", "max_concurrent_runs"): MAX_RUNS_PATH}

_MAX_RUNS = 100_000
# A run of a month is the longest that anybody has a reason for.
_MAX_SECONDS = 31 * 24 * 3600

_Path = tuple[str, ...]
_Check = Callable[[str, Any], int]


def _whole(least: int, most: int) -> _Check:
    def check(path: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidError(f"{path} is a whole number from {least} to {most:,}.", attr=path)
        return value

    return check


_CHECKS: dict[_Path, _Check] = {
    MAX_RUNS_PATH: _whole(0, _MAX_RUNS),
    START_TIMEOUT_PATH: _whole(1, _MAX_SECONDS),
    CANCEL_TIMEOUT_PATH: _whole(1, _MAX_SECONDS),
    MAX_RUNTIME_PATH: _whole(1, _MAX_SECONDS),
}
# What Dagster+ knows, and we do not heed.
_NOT_HEEDED: frozenset[_Path] = frozenset(
    {
        ("concurrency", "pools"),
        ("concurrency", "runs", "tag_concurrency_limits"),
        ("run_queue", "tag_concurrency_limits"),
        ("run_monitoring", "free_slots_after_run_end_seconds"),
        ("run_retries",),
        ("sso_default_role",),
        ("non_isolated_runs",),
        ("default_sensor_timeout",),
        ("retention",),
        ("freshness",),
        ("auto_materialize",),
    }
)


def parse_document(document: Any) -> dict[str, Any]:
    """What is stored of a document that somebody gave: the whole of it, checked. Null stands for what is not set.

    InvalidError names the path of what is wrong.
    """
    found: dict[str, Any] = {}
    for given, value in _leaves(document, ()):
        path = _OLDER_NAMES.get(given, given)
        if value_at(found, path) is not None:
            raise InvalidError(f"{_dotted(path)} is given twice, under its older name too.", attr=_dotted(path))
        _put(found, path, _CHECKS[path](_dotted(path), value))
    return found


def parse_text(text: str) -> dict[str, Any]:
    """As `parse_document`, of YAML or JSON; InvalidError says in which line it cannot be read."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidError(f"This is no YAML: {' '.join(str(error).split())}", attr="settings") from error
    return parse_document({} if document is None else document)


def document_text(settings: Mapping[str, Any]) -> str:
    """As YAML, for people."""
    text: str = yaml.safe_dump(dict(settings), sort_keys=True) if settings else "{}\n"
    return text


def value_at(settings: Mapping[str, Any], path: _Path) -> Any:
    """What was set; None for what was not."""
    found: Any = settings
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _leaves(part: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Every value that is set, with its path; InvalidError at the first key that is no good."""
    if path in _CHECKS or path in _OLDER_NAMES:
        if part is not None:
            yield path, part
        return
    if path in _NOT_HEEDED:
        raise InvalidError(
            f"{_dotted(path)} is a setting of Dagster+ that has no effect in Daggerboard yet, so it is not taken. Leave it out.",
            attr=_dotted(path),
        )
    below = _below(path)
    if not below:
        known = ", ".join(_below(path[:-1]))
        raise InvalidError(
            f"There is no setting {_dotted(path)}. {_dotted(path[:-1]) or 'A document'} has {known}.",
            attr=_dotted(path),
        )
    if part is None:
        return
    if not isinstance(part, Mapping):
        raise InvalidError(
            f"{_dotted(path) or 'The document'} is a mapping with {', '.join(below)}.", attr=_dotted(path)
        )
    for key, value in part.items():
        yield from _leaves(value, (*path, str(key)))


def _below(path: _Path) -> list[str]:
    """The keys that can be set there."""
    every = [*_CHECKS, *_OLDER_NAMES]
    return sorted({one[len(path)] for one in every if one[: len(path)] == path and len(one) > len(path)})


def _put(found: dict[str, Any], path: _Path, value: Any) -> None:
    for key in path[:-1]:
        found = found.setdefault(key, {})
    found[path[-1]] = value


def _dotted(path: _Path) -> str:
    return ".".join(path)[:200]
