"""Which defaults of a job have to be written into its config before it is edited.

A job may have a config of its own: dagster keeps it as the default of the outermost table. Whoever gives one field of that table
replaces the whole default, so what it says beyond the fields' own defaults has to be in the text from the start.
"""

import json
from collections.abc import Mapping
from typing import Any

from controlplane.definitions.manifest import ConfigField, ConfigType

_TABLES = {"STRICT_SHAPE", "PERMISSIVE_SHAPE"}
# The outermost tables that hold what people fill in.
_FILLED_IN = {"ops", "resources"}
_DEEPEST = 32
_NONE = object()


def starting_config(types: Mapping[str, ConfigType], root: str | None, *, ops: set[str] | None) -> dict[str, Any]:
    """The config to begin with, for all of a job or some of its outermost ops; empty when its fields' own defaults say everything."""
    found = {}
    table = types.get(root or "")
    for field in (table.fields or []) if table else []:
        default = _default(field)
        if field.name in _FILLED_IN and isinstance(default, dict):
            if field.name == "ops" and ops is not None:
                default = {name: value for name, value in default.items() if name in ops}
            found[field.name] = _beyond(types, field.type, default, 0)
    return {name: value for name, value in found.items() if value}


def _beyond(types: Mapping[str, ConfigType], type_id: str, given: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The part of a table that its fields' own defaults do not say."""
    table = types.get(type_id)
    if table is None or table.kind not in _TABLES or depth > _DEEPEST:
        return {}
    kept: dict[str, Any] = {}
    for field in table.fields or []:
        value = given.get(field.name, _NONE)
        if value is _NONE:
            continue
        if isinstance(value, dict) and _is_table(types, field):
            value = _beyond(types, field.type, value, depth + 1)
            if value:
                kept[field.name] = value
        elif value != _default(field):
            kept[field.name] = value
    return kept


def _is_table(types: Mapping[str, ConfigType], field: ConfigField) -> bool:
    return field.type in types and types[field.type].kind in _TABLES


def _default(field: ConfigField) -> Any:
    if field.default is None:
        return _NONE
    try:
        return json.loads(field.default)
    except ValueError:
        return _NONE
