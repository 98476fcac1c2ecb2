"""The settings of a full deployment: a document with Dagster+'s key names, and some of our own beside them.

Nothing is ignored in silence: a key that we do not know is refused with its path. Whoever heeds a key names its path here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from controlplane.core.lined_yaml import LinedYamlError, Place, line_at, read_lined
from controlplane.deployments.setting_checks import Check, days, flag, number, one_of, tag_limits, tags, whole
from tenants.errors import InvalidError

_Path = tuple[str, ...]

MAX_RUNS_PATH = ("concurrency", "runs", "max_concurrent_runs")
TAG_LIMITS_PATH = ("concurrency", "runs", "tag_concurrency_limits")
POOL_DEFAULT_LIMIT_PATH = ("concurrency", "pools", "default_limit")
POOL_GRANULARITY_PATH = ("concurrency", "pools", "granularity")
POOL_RUN_BUFFER_PATH = ("concurrency", "pools", "op_granularity_run_buffer")
START_TIMEOUT_PATH = ("run_monitoring", "start_timeout_seconds")
CANCEL_TIMEOUT_PATH = ("run_monitoring", "cancel_timeout_seconds")
MAX_RUNTIME_PATH = ("run_monitoring", "max_runtime_seconds")
MAX_RETRIES_PATH = ("run_retries", "max_retries")
RETRY_ON_STEP_FAILURE_PATH = ("run_retries", "retry_on_asset_or_op_failure")
SENSOR_TIMEOUT_PATH = ("default_sensor_timeout",)
CATCH_UP_PATH = ("schedules", "max_catchup_runs")
CONDITIONS_INTERVAL_PATH = ("auto_materialize", "minimum_interval_seconds")
CONDITIONS_TAGS_PATH = ("auto_materialize", "run_tags")
FRESHNESS_PATH = ("freshness", "enabled")

# What a failed run failed of, for policies of retries (ours): `run_retries.policies.<class>.<field>`.
FAILURE_CLASSES = ("out_of_memory", "preempted", "lost", "code_error", "start_timeout")
_POLICY_FIELDS: dict[str, Check] = {
    "max_retries": whole(0, 100),
    "delay_seconds": whole(0, 24 * 3600),
    # Of what the run was given by the tag daggerboard/memory.
    "memory_factor": number(1, 16),
}

# How long history is kept (ours, in the form of Dagster's retention): `retention.<kind>.purge_after_days`, and for branch deployments
# `retention.branches.<kind>.purge_after_days`.
RETAINED = ("runs", "events", "logs", "ticks", "evaluations", "asset_events")


def policy_path(failure_class: str, field: str) -> _Path:
    """Where a policy of retries is written."""
    return ("run_retries", "policies", failure_class, field)


def retention_path(kind: str, *, of_branches: bool) -> _Path:
    """Where it is written how many days something is kept."""
    return ("retention", *(("branches",) if of_branches else ()), kind, "purge_after_days")


# Dagster+ has an older name for these.
_OLDER_NAMES: dict[_Path, _Path] = {
    ("run_queue", "max_concurrent_runs"): MAX_RUNS_PATH,
    ("run_queue", "tag_concurrency_limits"): TAG_LIMITS_PATH,
}

_MAX_RUNS = 100_000
# A run of a month is the longest that anybody has a reason for.
_MAX_SECONDS = 31 * 24 * 3600
_MAX_DAYS = 3650

_CHECKS: dict[_Path, Check] = {
    MAX_RUNS_PATH: whole(0, _MAX_RUNS),
    TAG_LIMITS_PATH: tag_limits,
    POOL_DEFAULT_LIMIT_PATH: whole(0, 1000),
    POOL_GRANULARITY_PATH: one_of("op", "run"),
    POOL_RUN_BUFFER_PATH: whole(0, 1000),
    START_TIMEOUT_PATH: whole(1, _MAX_SECONDS),
    CANCEL_TIMEOUT_PATH: whole(1, _MAX_SECONDS),
    MAX_RUNTIME_PATH: whole(1, _MAX_SECONDS),
    # Slots are freed with the run's end, always: any number of seconds is kept.
    ("run_monitoring", "free_slots_after_run_end_seconds"): whole(0, _MAX_SECONDS),
    MAX_RETRIES_PATH: whole(0, 100),
    RETRY_ON_STEP_FAILURE_PATH: flag,
    **{policy_path(name, field): check for name in FAILURE_CLASSES for field, check in _POLICY_FIELDS.items()},
    SENSOR_TIMEOUT_PATH: whole(1, 3600),
    CATCH_UP_PATH: whole(0, 1000),
    CONDITIONS_INTERVAL_PATH: whole(1, 24 * 3600),
    CONDITIONS_TAGS_PATH: tags,
    FRESHNESS_PATH: flag,
    **{
        retention_path(kind, of_branches=of_branches): days(_MAX_DAYS)
        for kind in RETAINED
        for of_branches in (False, True)
    },
}
# What Dagster+ knows and we have elsewhere, or not at all: why.
_NOT_TAKEN: dict[_Path, str] = {
    ("sso_default_role",): "The role of people who come by single sign-on is set with the connection (docs/sso.md).",
    ("non_isolated_runs",): "It belongs to Dagster+ Serverless; here every run has a process of its own.",
}


class SettingsTextError(InvalidError):
    """The text of a settings document is not one; `line` counts from 1, None where no line says it."""

    def __init__(self, message: str, *, line: int | None, attr: str | None = None) -> None:
        self.line = line
        super().__init__(f"Line {line}: {message}" if line else message, attr=attr)


def parse_document(document: Any) -> dict[str, Any]:
    """What is stored of a document that somebody gave: the whole of it, checked. Null stands for what is not set.

    InvalidError names the path of what is wrong.
    """
    found: dict[str, Any] = {}
    for given, value in _leaves(document, ()):
        path = _OLDER_NAMES.get(given, given)
        if value_at(found, path) is not None:
            raise InvalidError(f"{_dotted(path)} is given twice, under its older name too.", attr=_dotted(path))
        _put(found, path, _CHECKS[path](_dotted(given), value))
    return found


def parse_text(text: str) -> dict[str, Any]:
    """As `parse_document`, of YAML or JSON; SettingsTextError says in which line something is wrong."""
    try:
        document, lines = read_lined(text)
    except LinedYamlError as error:
        raise SettingsTextError(error.message, line=error.line) from error
    try:
        return parse_document({} if document is None else document)
    except InvalidError as error:
        line = line_at(lines, place_of(error.attr or ""))
        raise SettingsTextError(error.message, line=line, attr=error.attr) from error


def document_text(settings: Mapping[str, Any]) -> str:
    """As YAML, for people."""
    text: str = yaml.safe_dump(dict(settings), sort_keys=True) if settings else "{}\n"
    return text


def place_of(dotted: str) -> Place:
    """`a.b[0].c` as a place in a document."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", dotted))


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
    if path in _NOT_TAKEN:
        raise InvalidError(f"{_dotted(path)} is no setting of Daggerboard. {_NOT_TAKEN[path]}", attr=_dotted(path))
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
