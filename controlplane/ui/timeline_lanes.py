"""Runs on a line of time, a lane for each job, launcher, code location or owner.

A lane with few runs shows each; one with many shows how many were created in each cell, so that the page stays small with thousands of runs.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID

from controlplane.runs.states import RunStatus
from controlplane.runs.timeline import Stretch
from controlplane.ui import values
from controlplane.ui.links import Links
from controlplane.ui.run_words import is_of_assets
from controlplane.ui.status_words import word
from controlplane.ui.templatetags.ui_values import short_id
from controlplane.ui.timeline_ticks import ComingTick
from controlplane.ui.timeline_window import Window, as_text

GROUPS = {"job": "Job", "automation": "Launcher", "location": "Code location", "owner": "Owner"}
LANES_MAX = 50
# Drawn one by one, and cells, on the whole page: together they keep it below 300 kB.
_BARS_MAX, _CELLS_MAX = 400, 400
_TRACKS_MAX = 4
_CELLS_LEAST, _CELLS_OF_LANE = 6, 96
# In percent of the width: what is shorter is drawn that long.
_BAR_LEAST = 0.3
_TRACK, _CELL_HEIGHT, _MARGIN = 16, 24, 6
_ORDER = [RunStatus.FAILURE, RunStatus.CANCELING, RunStatus.CANCELED, RunStatus.STARTED, RunStatus.STARTING]
_ORDER += [RunStatus.QUEUED, RunStatus.SUCCESS]


@dataclass(frozen=True)
class Rect:
    """A part of a bar or cell; x and width are percent of the lane, y and height pixels."""

    status: str
    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True)
class Shape:
    """A bar of one run, or a cell of many; `title` says it in words."""

    href: str
    title: str
    rects: list[Rect]


@dataclass(frozen=True)
class Tick:
    """A coming tick."""

    x: str
    title: str


@dataclass
class Lane:
    """One line of the picture, and one row of the table."""

    label: str
    note: str
    link: str
    runs: list[Stretch] = field(default_factory=list)
    coming: list[ComingTick] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    height: int = _TRACK + 2 * _MARGIN
    is_many: bool = False

    @property
    def middle(self) -> int:
        return self.height // 2

    @property
    def counts(self) -> list[tuple[str, int]]:
        """By status, what needs a look first."""
        found = Counter(run.status for run in self.runs)
        return [(status.value, found[status]) for status in _ORDER if found[status]]

    @property
    def newest(self) -> UUID | None:
        return self.runs[0].id if self.runs else None

    @property
    def next_at(self) -> datetime.datetime | None:
        return self.coming[0].at if self.coming else None


@dataclass(frozen=True)
class Picture:
    """The lanes by name; `hidden` counts those that are left out, which have the fewest runs."""

    lanes: list[Lane]
    hidden: int
    total: int


_Key = tuple[str, str]


def picture(runs: Sequence[Stretch], coming: Iterable[ComingTick], group: str, window: Window, links: Links) -> Picture:
    """Runs (the newest first) and ticks in lanes by `group`, one of GROUPS."""
    key_of, tick_key = _KEYS[group]
    by_key: dict[_Key, list[Stretch]] = defaultdict(list)
    ticks: dict[_Key, list[ComingTick]] = defaultdict(list)
    for run in runs:
        by_key[key_of(run)].append(run)
    for tick in coming:
        if (key := tick_key(tick)) is not None:
            ticks[key].append(tick)
    keys = sorted({*by_key, *ticks}, key=lambda key: (-len(by_key.get(key, ())), key))
    shown = sorted(keys[:LANES_MAX], key=lambda key: (key[1].casefold(), key))
    lanes = [_lane(group, key, by_key.get(key, []), ticks.get(key, []), links) for key in shown]
    _draw(lanes, [_cell_query(group, key) for key in shown], window)
    return Picture(lanes, len(keys) - len(shown), len(runs))


# Of a run and of a tick: the code location where it tells lanes apart, and the name. None: the tick is in no lane.
_KEYS: Mapping[str, tuple[Callable[[Stretch], _Key], Callable[[ComingTick], _Key | None]]] = {
    "job": (
        lambda run: (run.location_name, "" if is_of_assets(run.job_name) else run.job_name),
        lambda tick: (tick.location_name, "" if is_of_assets(tick.job_name) else tick.job_name),
    ),
    "automation": (lambda run: ("", run.actor_label), lambda tick: ("", tick.actor_label)),
    "location": (lambda run: ("", run.location_name), lambda tick: ("", tick.location_name)),
    "owner": (lambda run: ("", run.share), lambda _tick: None),
}


def _lane(group: str, key: _Key, runs: list[Stretch], coming: list[ComingTick], links: Links) -> Lane:
    location, name = key
    if group == "job":
        link = links.job(location, name) if name else ""
        return Lane(name or "Assets", location, link, runs, coming)
    if group == "location":
        return Lane(name, "", links.location(name), runs, coming)
    link = links.page("runs", query={"by": name}) if group == "automation" and name else ""
    return Lane(name or "Nobody", "", link, runs, coming)


def _draw(lanes: list[Lane], queries: list[dict[str, str]], window: Window) -> None:
    """The lanes with the fewest runs first have each of them drawn, as long as there is room; the others are cells."""
    left, many = _BARS_MAX, []
    for number, lane in sorted(enumerate(lanes), key=lambda one: len(one[1].runs)):
        lane.ticks = [
            Tick(f"{window.x(tick.at.timestamp()):.2f}", f"{tick.name} is due {values.exact(tick.at)}")
            for tick in lane.coming
        ]
        tracks = _tracks(lane.runs, window) if len(lane.runs) <= left else None
        if tracks is None:
            many.append(number)
            continue
        left -= len(lane.runs)
        lane.shapes = [_bar(run, track, window) for run, track in tracks]
        lane.height = _TRACK * (1 + max((track for _run, track in tracks), default=0)) + 2 * _MARGIN
    cells = min(_CELLS_OF_LANE, max(_CELLS_LEAST, _CELLS_MAX // max(1, len(many))))
    for number in many:
        lane = lanes[number]
        lane.is_many, lane.height = True, _CELL_HEIGHT + 2 * _MARGIN
        lane.shapes = _cells(lane.runs, cells, window, queries[number])


def _tracks(runs: Sequence[Stretch], window: Window) -> list[tuple[Stretch, int]] | None:
    """Each run with the track in which nothing else is at its time; None where that takes too many."""
    now, ends = window.now.timestamp(), list[float]()
    found = []
    for run in sorted(runs, key=lambda one: one.created_at):
        begin = window.x(run.created_at)
        track = next((number for number, end in enumerate(ends) if end <= begin), len(ends))
        if track == _TRACKS_MAX:
            return None
        ends[track : track + 1] = [max(window.x(run.ended_at or now), begin + _BAR_LEAST)]
        found.append((run, track))
    return found


def _bar(run: Stretch, track: int, window: Window) -> Shape:
    """Thin while it waited, then as high as its status says."""
    now = window.now.timestamp()
    begin, end = window.x(run.created_at), window.x(run.ended_at or now)
    # What ended before it started only waited.
    start = window.x(run.started_at) if run.started_at else end if run.ended_at else begin
    top = _MARGIN + _TRACK * track
    rects = [_rect("wait", begin, start, top + 7, 2)] if start - begin >= _BAR_LEAST else []
    high = run.status == RunStatus.FAILURE
    low = run.status in {RunStatus.CANCELED, RunStatus.QUEUED}
    y, height = (top, 16) if high else (top + 4, 8) if low else (top + 2, 12)
    rects.append(_rect(run.status, start, end, y, height))
    return Shape(f"runs/{run.id}", _words(run, now), rects)


def _rect(status: str, begin: float, end: float, y: float, height: float) -> Rect:
    width = max(end - begin, _BAR_LEAST if status != "wait" else 0)
    # At the right edge what is drawn longer than it is would be cut off.
    return Rect(status, f"{min(begin, 100 - width):.2f}", f"{width:.2f}", f"{y:g}", f"{height:g}")


def _words(run: Stretch, now: float) -> str:
    end = run.ended_at or now
    waited = (run.started_at or end) - run.created_at
    job = "assets" if is_of_assets(run.job_name) else run.job_name[:60]
    said = [f"{short_id(run.id)} {job}", run.partition_key[:40] if run.partition_key else "", word(run.status).lower()]
    said.append(f"created {datetime.datetime.fromtimestamp(run.created_at, datetime.UTC):%H:%M:%S}")
    said.append(f"waited {values.duration(waited)}")
    if run.started_at is not None:
        said.append(f"ran {values.duration(end - run.started_at)}")
    elif run.ended_at is not None:
        said.append("never started")
    return ", ".join(part for part in said if part)


def _cell_query(group: str, key: _Key) -> dict[str, str]:
    """What the list of runs filters by to show a lane; empty where it cannot."""
    location, name = key
    if group == "job":
        return {"location": location, "job": name} if name else {"location": location}
    return {"automation": {"by": name}, "location": {"location": name}}.get(group, {})


def _cells(runs: Sequence[Stretch], number: int, window: Window, query: dict[str, str]) -> list[Shape]:
    """How many runs were created in each cell, by status, as high as there are many. Earlier ones are in the first."""
    counts: dict[int, Counter[RunStatus]] = defaultdict(Counter)
    for run in runs:
        counts[min(number - 1, int(window.x(run.created_at) / 100 * number))][run.status] += 1
    highest = max((found.total() for found in counts.values()), default=1)
    shapes = []
    for at, found in sorted(counts.items()):
        begin, end = 100 * at / number, 100 * (at + 1) / number
        since, until = (window.since + (window.until - window.since) * share / 100 for share in (begin, end))
        asked = {**query, "after": as_text(since), "before": as_text(until)}
        if at == 0:
            del asked["after"]
        said = ", ".join(f"{found[status]:,} {word(status).lower()}" for status in _ORDER if found[status])
        times = f"{since.astimezone(datetime.UTC):%H:%M} to {until.astimezone(datetime.UTC):%H:%M}"
        title = f"{times}: {values.plural(found.total(), 'run')} created, {said}"
        shapes.append(Shape(f"runs?{urlencode(asked)}", title, _stack(found, highest, begin, end)))
    return shapes


def _stack(found: Counter[RunStatus], highest: int, begin: float, end: float) -> list[Rect]:
    """From below, what succeeded first."""
    rects, y = [], float(_MARGIN + _CELL_HEIGHT)
    for status in reversed(_ORDER):
        if found[status]:
            height = max(2.0, round(_CELL_HEIGHT * found[status] / highest, 1))
            y = max(1.0, round(y - height, 1))
            rects.append(_rect(status, begin, end - 0.05, y, height))
    return rects
