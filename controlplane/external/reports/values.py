"""One reported event, checked: what it says, within bounds. Pure."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from controlplane.definitions import asset_keys
from controlplane.external.reports.metadata import MetadataValue, metadata
from controlplane.runs import event_bounds
from tenants.errors import InvalidError

# Of one event, its metadata included.
EVENT_BYTES = 256 * 1024
TAGS_MAX = 100
_TAG_CHARS = 2000
# What clocks may differ by.
_AHEAD = datetime.timedelta(minutes=5)
_EARLIEST = datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC)
# Dagster's own tags.
DATA_VERSION_TAG = "dagster/data_version"
_BY_USER_TAG = "dagster/data_version_is_user_provided"
REPORTER_TAG = "dagster/reporting_user"


class ReportKind(StrEnum):
    """What is reported about an asset."""

    MATERIALIZATION = "materialization"
    OBSERVATION = "observation"
    CHECK = "check"


@dataclass(frozen=True)
class AssetReport:
    """An event about an asset that happened outside of any run. `asset_key` is text; `at` is when it happened, None for now.

    `id` is its sender's: the same event with the same id is stored once. `check_name`, `passed` and `severity` are of checks.
    """

    kind: ReportKind
    asset_key: str
    partition: str | None = None
    description: str = ""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    at: datetime.datetime | None = None
    id: str = ""
    check_name: str = ""
    passed: bool = False
    severity: str = "ERROR"


def report(kind: ReportKind, *, asset: Any, given: Mapping[str, Any]) -> AssetReport:
    """Read one event; `asset` is a key as text or as its parts. InvalidError says which field is wrong, and how."""
    if len(_encoded(given)) > EVENT_BYTES:
        raise InvalidError(f"An event has at most {EVENT_BYTES} bytes.", attr="metadata")
    is_check = kind is ReportKind.CHECK
    return AssetReport(
        kind=kind,
        asset_key=asset_key(asset),
        partition=_name(given, "partition"),
        description=_text(given, "description") or "",
        metadata=metadata(given.get("metadata")),
        tags={} if is_check else _tags(given),
        at=_moment(given.get("at")),
        id=_name(given, "id") or "",
        check_name=_required(given, "check_name") if is_check else "",
        passed=_passed(given) if is_check else False,
        severity=_severity(given) if is_check else "ERROR",
    )


def asset_key(given: Any) -> str:
    """A key as it is stored, from text (`a/b`) or parts."""
    try:
        parts = asset_keys.to_parts(given) if isinstance(given, str) and given else given
    except ValueError as error:
        raise InvalidError(str(error), attr="asset") from error
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
        raise InvalidError("asset is the key of an asset: text such as a/b, or a list of its parts.", attr="asset")
    text = asset_keys.to_text(parts)
    if event_bounds.key(text) != text:
        raise InvalidError(f"The key of an asset has at most {event_bounds.KEY_BYTES} bytes.", attr="asset")
    return text


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidError(f"{name} is text, not {type(value).__name__}.", attr=name)


def _name(given: Mapping[str, Any], name: str) -> str | None:
    """Text that is looked up again: not empty, and short enough for an index."""
    value = _text(given, name)
    if value is not None and (not value or len(value.encode()) > _NAME_BYTES.get(name, event_bounds.KEY_BYTES)):
        most = _NAME_BYTES.get(name, event_bounds.KEY_BYTES)
        raise InvalidError(f"{name} has 1 to {most} bytes.", attr=name)
    if value is not None and ("\0" in value or (name == "id" and not value.isprintable())):
        raise InvalidError(f"{name} holds a character that it cannot have, such as a NUL.", attr=name)
    return value


_NAME_BYTES = {"id": 200}


def _required(given: Mapping[str, Any], name: str) -> str:
    value = _name(given, name)
    if value is None:
        raise InvalidError(f"{name} is missing.", attr=name)
    return value


def _passed(given: Mapping[str, Any]) -> bool:
    value = given.get("passed")
    if not isinstance(value, bool):
        raise InvalidError("passed is missing." if value is None else "passed is true or false.", attr="passed")
    return value


def _severity(given: Mapping[str, Any]) -> str:
    value = given.get("severity") or "ERROR"
    if value not in {"WARN", "ERROR"}:
        raise InvalidError(f"severity is WARN or ERROR, not {value!r:.40}.", attr="severity")
    return str(value)


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    tags = given.get("tags") or {}
    if not isinstance(tags, Mapping) or len(tags) > TAGS_MAX:
        raise InvalidError(f"tags is a JSON object of at most {TAGS_MAX} names and values.", attr="tags")
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str) or not name or len(name + value) > _TAG_CHARS:
            raise InvalidError(f"A tag is a name and a text of at most {_TAG_CHARS} characters.", attr="tags")
    if REPORTER_TAG in tags:
        raise InvalidError(f"The tag {REPORTER_TAG} says who reported an event; it is not given.", attr="tags")
    version = _name(given, "data_version")
    return dict(tags) if version is None else {**tags, DATA_VERSION_TAG: version, _BY_USER_TAG: "true"}


def _moment(given: Any) -> datetime.datetime | None:
    if given is None:
        return None
    try:
        found = (
            datetime.datetime.fromisoformat(given)
            if isinstance(given, str)
            else datetime.datetime.fromtimestamp(float(given), datetime.UTC)
        )
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidError("at is a time: ISO 8601, or seconds since 1970.", attr="at") from error
    if found.tzinfo is None:
        raise InvalidError("at has no time zone: write 2026-01-31T12:00:00Z, or with an offset.", attr="at")
    if not _EARLIEST <= found <= datetime.datetime.now(datetime.UTC) + _AHEAD:
        raise InvalidError("at is between 1990 and now.", attr="at")
    return found.astimezone(datetime.UTC)


def _encoded(given: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"The event cannot be written as JSON: {error}.", attr="metadata") from error
