"""Metadata values as they are reported, in the two forms that are stored: ours, for pages, and dagster's own, for user code. Pure.

A plain JSON value becomes the kind that dagster would make of it. `{"type": …, "raw_value": …}`, as in Pipes, names the kind itself.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.definitions import asset_keys
from tenants.errors import InvalidError

# As in the worker: above this a number of JSON is not the same number everywhere.
_SAFE_INTEGER = 2**53 - 1
ENTRIES_MAX = 500
_NAME_CHARS = 500


@dataclass(frozen=True)
class MetadataValue:
    """`shown` is the entry that pages read, `stored` dagster's serialized MetadataValue."""

    shown: dict[str, Any]
    stored: dict[str, Any]


def metadata(given: Any) -> dict[str, MetadataValue]:
    """Every entry, by name; InvalidError says which cannot be one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidError("metadata is a JSON object of names and values.", attr="metadata")
    if len(given) > ENTRIES_MAX:
        raise InvalidError(f"An event has {ENTRIES_MAX} metadata entries; these are {len(given)}.", attr="metadata")
    return {_name(name): _value(name, value) for name, value in given.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name or len(name) > _NAME_CHARS:
        raise InvalidError(f"The name of a metadata entry has 1 to {_NAME_CHARS} characters.", attr="metadata")
    return name


def _value(name: str, value: Any) -> MetadataValue:
    if isinstance(value, Mapping) and set(value) == {"type", "raw_value"}:
        return _typed(name, value["type"], value["raw_value"])
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return _plain("bool", "BoolMetadataEntryData", "value", value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _float(value)
    return _null(None) if value is None else _plain("json", "JsonMetadataEntryData", "data", value)


def _typed(name: str, kind: Any, value: Any) -> MetadataValue:
    if kind == "__infer__":
        return _value(name, value)
    found = _KINDS.get(kind) if isinstance(kind, str) else None
    if found is None:
        known = ", ".join(sorted(_KINDS))
        raise InvalidError(f"The metadata entry {name!r} is of no known type: one of {known}.", attr="metadata")
    accepted, make = found
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind not in {"bool", "json"}):
        raise InvalidError(f"The metadata entry {name!r} of the type {kind} cannot be {value!r:.60}.", attr="metadata")
    return make(value)


def _plain(kind: str, cls: str, field: str, value: Any) -> MetadataValue:
    return MetadataValue({"type": kind, "value": value}, {"__class__": cls, field: value})


def _of(kind: str, cls: str, field: str) -> Callable[[Any], MetadataValue]:
    return lambda value: _plain(kind, cls, field, value)


def _text(value: str) -> MetadataValue:
    return _plain("text", "TextMetadataEntryData", "text", value)


def _integer(value: int) -> MetadataValue:
    shown: dict[str, Any] = {"type": "int", "value": value}
    if abs(value) > _SAFE_INTEGER:
        shown = {"type": "int", "value": None, "repr": str(value)}
    return MetadataValue(shown, {"__class__": "IntMetadataEntryData", "value": value})


def _float(value: float) -> MetadataValue:
    if not math.isfinite(value):
        # JSON has no such number, and so has nothing that we store.
        return _text(repr(value))
    return _plain("float", "FloatMetadataEntryData", "value", float(value))


def _null(_value: None) -> MetadataValue:
    return MetadataValue({"type": "null", "value": None}, {"__class__": "NullMetadataEntryData"})


def _asset(value: str) -> MetadataValue:
    try:
        path = asset_keys.to_parts(value)
    except ValueError as error:
        raise InvalidError(str(error), attr="metadata") from error
    key = {"__class__": "AssetKey", "path": path}
    return MetadataValue(
        {"type": "asset", "value": path}, {"__class__": "DagsterAssetMetadataEntryData", "asset_key": key}
    )


_KINDS: dict[str, tuple[Any, Callable[[Any], MetadataValue]]] = {
    "text": (str, _text),
    "url": (str, _of("url", "UrlMetadataEntryData", "url")),
    "path": (str, _of("path", "PathMetadataEntryData", "path")),
    "notebook": (str, _of("notebook", "NotebookMetadataEntryData", "path")),
    "md": (str, _of("md", "MarkdownMetadataEntryData", "md_str")),
    "json": ((dict, list), _of("json", "JsonMetadataEntryData", "data")),
    "int": (int, _integer),
    "float": ((int, float), _float),
    "bool": (bool, _of("bool", "BoolMetadataEntryData", "value")),
    "timestamp": ((int, float), lambda value: _plain("timestamp", "TimestampMetadataValue", "value", float(value))),
    "dagster_run": (str, _of("run", "DagsterPipelineRunMetadataEntryData", "run_id")),
    "asset": (str, _asset),
    "null": (type(None), _null),
}
