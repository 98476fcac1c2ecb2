"""Differences of definitions, as pages list them: by kind, each with its mark and what about it differs."""

import json
from dataclasses import dataclass
from typing import Any

from controlplane.definitions.comparison import Comparison
from controlplane.definitions.differences import Change, Difference
from controlplane.ui.change_lines import HEADINGS

_MARKS = {Change.ADDED: "+", Change.CHANGED: "~", Change.REMOVED: "−"}  # noqa: RUF001 - a minus sign is meant
# A value longer than this is cut; REST has all of it.
_VALUE_MAX = 400


@dataclass(frozen=True)
class ChangeLine:
    """One definition that differs, with (field, before, after) of what was changed."""

    difference: Difference

    @property
    def mark(self) -> str:
        return _MARKS[self.difference.change]

    @property
    def details(self) -> list[tuple[str, str, str]]:
        return [(detail.field, _text(detail.before), _text(detail.after)) for detail in self.difference.details]


@dataclass(frozen=True)
class ChangeGroup:
    """All of one kind."""

    label: str
    lines: list[ChangeLine]


@dataclass(frozen=True)
class ChangeCounts:
    """How many were added, changed and removed."""

    added: int
    changed: int
    removed: int

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def counts(comparison: Comparison) -> ChangeCounts:
    """How many definitions differ."""
    totals = comparison.totals
    return ChangeCounts(totals[Change.ADDED], totals[Change.CHANGED], totals[Change.REMOVED])


def groups(comparison: Comparison) -> list[ChangeGroup]:
    """Everything that differs, kinds without a difference left out."""
    found = [(label, [ChangeLine(one) for one in comparison.of(kind)]) for kind, label in HEADINGS.items()]
    return [ChangeGroup(label, lines) for label, lines in found if lines]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}…"
