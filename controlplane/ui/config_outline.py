"""A job's run config as an outline: its fields with type, default and description. Bounded: types may be recursive, and jobs large."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controlplane.definitions.manifest import ConfigField, ConfigType

MAX_LINES = 1500
_MAX_DEPTH = 10
_SCALARS = {"INT": "whole number", "FLOAT": "number", "STRING": "text", "BOOL": "true or false"}
_DEFAULT_SHOWN = 200
# A table with more fields than this shows their names only.
_OPEN_MOST = 8


@dataclass
class OutlineLine:
    """One field. `inner` are the fields of its value; `cut` when they are too deep or too many to be listed."""

    name: str
    type: str
    required: bool
    default: str
    description: str
    choices: list[str]
    inner: list["OutlineLine"] = field(default_factory=list)
    cut: bool = False
    # What people look for is open from the start.
    open: bool = False


def outline(types: Mapping[str, ConfigType], root: str | None) -> list[OutlineLine]:
    """The fields of a config type, outermost first, the ops before everything else."""
    budget = iter(range(MAX_LINES))
    lines = sorted(_lines(types, root or "", budget, 0)[0], key=lambda line: (line.name != "ops", not line.required))
    for line in lines:
        _open(line, least=line.name == "ops")
    return lines


def _open(line: OutlineLine, *, least: bool) -> None:
    line.open = least or line.required
    if line.open and len(line.inner) <= _OPEN_MOST:
        for inner in line.inner:
            _open(inner, least=least)


def _lines(
    types: Mapping[str, ConfigType], type_id: str, budget: Iterator[int], depth: int
) -> tuple[list[OutlineLine], bool]:
    fields = types[_table(types, type_id)].fields or [] if _table(types, type_id) else []
    if fields and depth >= _MAX_DEPTH:
        return [], True
    lines: list[OutlineLine] = []
    # Breadth first within a table, so that a large one is listed before its first field is followed down.
    for one in fields:
        if next(budget, None) is None:
            return lines, True
        lines.append(_line(types, one))
    for line, one in zip(lines, fields, strict=True):
        line.inner, line.cut = _lines(types, one.type, budget, depth + 1)
        # The default of a table repeats those of its fields.
        line.default = "" if line.inner else line.default
    return lines, False


def _line(types: Mapping[str, ConfigType], one: ConfigField) -> OutlineLine:
    found = types.get(one.type)
    return OutlineLine(
        name=one.name,
        type=type_word(types, one.type),
        required=one.required,
        default=_default(one),
        description=one.description or "",
        choices=list(found.enum or []) if found else [],
    )


def _default(one: ConfigField) -> str:
    """The default, where it says something: an empty table does not."""
    text = one.default or ""
    try:
        if json.loads(text) in ({}, []):
            return ""
    except ValueError:
        pass
    return text if len(text) <= _DEFAULT_SHOWN else f"{text[:_DEFAULT_SHOWN]}…"


def _table(types: Mapping[str, ConfigType], type_id: str) -> str:
    """The type whose fields are the fields of a value of this type: itself, or what it is a list, a map or an option of."""
    for _ in range(_MAX_DEPTH):
        found = types.get(type_id)
        if found is None:
            return ""
        if found.kind in {"STRICT_SHAPE", "PERMISSIVE_SHAPE", "SELECTOR"}:
            return type_id
        if found.kind not in {"ARRAY", "MAP", "NONEABLE"} or not found.type_params:
            return ""
        type_id = found.type_params[-1]
    return ""


def type_word(types: Mapping[str, ConfigType], type_id: str, depth: int = 0) -> str:
    """A type in words: `list of text`, `one of`, `table`."""
    found = types.get(type_id)
    if found is None or depth > _MAX_DEPTH:
        return "any value"
    if found.kind == "SCALAR":
        return _SCALARS.get((found.scalar or found.given_name or "").upper(), "any value")
    word = _WORDS.get(found.kind, "any value")
    if "{}" not in word:
        return word
    inner = found.type_params or [""]
    return word.format(type_word(types, inner[0 if found.kind == "SCALAR_UNION" else -1], depth + 1))


_WORDS = {
    "ENUM": "choice",
    "ARRAY": "list of {}",
    "MAP": "map to {}",
    "NONEABLE": "{} or null",
    "SCALAR_UNION": "{}",
    "SELECTOR": "one of",
    "STRICT_SHAPE": "table",
    "PERMISSIVE_SHAPE": "open table",
}
