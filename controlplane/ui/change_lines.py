"""Differences of definitions, as pages list them: groups by kind, a line for each definition, values in few words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.definitions.asset_keys import check_parts, to_text
from controlplane.definitions.comparison import Comparison
from controlplane.definitions.differences import Change, Detail, Difference, Kind
from controlplane.ui.links import Links
from controlplane.ui.values import NOTHING

# Beyond this a value is cut: a description may be pages long.
_MOST_TEXT = 300
# Lines of one group that are shown at once; thousands of new assets are no list to read.
MOST_LINES = 100

WORDS = {
    Change.ADDED.value: "New in branch",
    Change.CHANGED.value: "Changed in branch",
    Change.REMOVED.value: "Removed in branch",
    "affected": "Affected downstream",
}
_MARKS = {Change.ADDED.value: "+", Change.CHANGED.value: "~", Change.REMOVED.value: "\N{MINUS SIGN}"}
_HEADINGS = {
    Kind.ASSET: "Assets",
    Kind.CHECK: "Asset checks",
    Kind.JOB: "Jobs",
    Kind.SCHEDULE: "Schedules",
    Kind.SENSOR: "Sensors",
    Kind.RESOURCE: "Resources",
}


@dataclass(frozen=True)
class DetailLine:
    """One field that differs, as text on both sides."""

    reason: str
    field: str
    before: str
    after: str
    is_told: bool


@dataclass(frozen=True)
class ChangeLine:
    """One definition: `status` is added, changed, removed or affected; `url` is empty for what is gone."""

    status: str
    name: str
    location: str
    url: str
    reasons: Sequence[str] = ()
    details: Sequence[DetailLine] = ()

    @property
    def word(self) -> str:
        return WORDS[self.status]

    @property
    def mark(self) -> str:
        return _MARKS.get(self.status, "")


@dataclass(frozen=True)
class ChangeGroup:
    """The lines of one kind. `counts` by status, without what there is none of; `hidden` is how many lines are left out."""

    kind: str
    heading: str
    counts: Mapping[str, int]
    lines: Sequence[ChangeLine]

    @property
    def shown(self) -> Sequence[ChangeLine]:
        return self.lines[:MOST_LINES]

    @property
    def hidden(self) -> int:
        return max(0, len(self.lines) - MOST_LINES)


@dataclass(frozen=True)
class ChangeCounts:
    """How many were added, changed and removed."""

    added: int
    changed: int
    removed: int

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def change_counts(comparison: Comparison) -> ChangeCounts:
    """How many definitions of any kind differ."""
    totals = comparison.totals
    return ChangeCounts(totals[Change.ADDED], totals[Change.CHANGED], totals[Change.REMOVED])


def change_groups(comparison: Comparison, links: Links) -> list[ChangeGroup]:
    """The groups in which something differs. Affected assets stand behind those that changed."""
    groups = []
    for kind in Kind:
        lines = [_line(difference, links) for difference in comparison.of(kind)]
        if kind == Kind.ASSET:
            lines += [
                ChangeLine("affected", one.key, one.location, links.asset(one.key)) for one in comparison.affected
            ]
        counts = {status: count for status, count in comparison.counts[kind.value].items() if count}
        if lines:
            groups.append(ChangeGroup(kind.value, _HEADINGS[kind], counts, lines))
    return groups


def _line(difference: Difference, links: Links) -> ChangeLine:
    return ChangeLine(
        status=difference.change.value,
        name=difference.name,
        location=difference.location,
        url="" if difference.change == Change.REMOVED else _url(difference, links),
        reasons=[reason.value for reason in difference.reasons],
        details=[_detail(detail) for detail in difference.details],
    )


def _url(difference: Difference, links: Links) -> str:
    match difference.kind:
        case Kind.ASSET:
            return links.asset(difference.name)
        case Kind.CHECK:
            return links.asset(to_text(check_parts(difference.name)[0]), query={"tab": "checks"})
        case Kind.JOB:
            return links.job(difference.location, difference.name)
        case _:
            return links.location(difference.location)


def _detail(detail: Detail) -> DetailLine:
    is_told = detail.before is not None or detail.after is not None
    return DetailLine(
        reason=detail.reason.value,
        field=detail.field.removeprefix("metadata."),
        before=_text(detail.before),
        after=_text(detail.after),
        is_told=is_told,
    )


def _text(value: Any) -> str:
    """A value in one line."""
    if value in (None, "", [], {}):
        return NOTHING
    if isinstance(value, dict) and set(value) >= {"type", "value"}:
        return _text(value["value"])
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        text = ", ".join(f"{name}={one}" if one else name for name, one in value.items())
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
