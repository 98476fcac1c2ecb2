"""What an event of the audit log changed, as lines: a field, its old and its new value."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MISSING = object()
# A value longer than this is cut on the page; the API and exports have all of it.
_VALUE_MAX = 2_000


@dataclass(frozen=True)
class DiffLine:
    """One field; `old` or `new` is None where there was, or is, no such field."""

    field: str
    old: str | None
    new: str | None

    @property
    def is_changed(self) -> bool:
        return self.old != self.new


def diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[DiffLine]:
    """Every field of either, objects inside opened up as `outer.inner`; in the order they were recorded in."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [DiffLine(name, _text(old.get(name, _MISSING)), _text(new.get(name, _MISSING))) for name in {**old, **new}]


def _flat(value: Mapping[str, Any] | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in (value or {}).items():
        if isinstance(part, Mapping) and part:
            yield from _flat(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _text(value: Any) -> str | None:
    if value is _MISSING:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}…"
