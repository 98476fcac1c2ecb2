"""The partition keys of a definition, computed from the manifest alone. Equal to dagster's own, which a test compares."""

import bisect
import datetime
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfoNotFoundError

from controlplane.catalog import key_lists
from controlplane.catalog.time_windows import TimeWindows, time_windows
from controlplane.definitions.manifest import Manifest, PartitionsDefinition

# How a multi-dimensional key is written.
DELIMITER = "|"
# Keys of one range: more are several.
BETWEEN_MAX = 500_000
_TAG = "dagster/partition"


class Partitions(Protocol):
    """The keys of one definition at one time. Order is dagster's; `page` gives some of them, or all."""

    def count(self) -> int: ...
    def page(self, offset: int = 0, limit: int | None = None) -> Sequence[str]: ...
    def has(self, key: str) -> bool: ...
    def between(self, first: str, last: str) -> list[str]: ...
    def refusal(self, key: str) -> str: ...
    def tags(self, key: str) -> dict[str, str]: ...
    def position(self, key: str) -> int | None: ...

    def mark(self, count: int) -> str:
        """A text that is equal for two lists of keys only when their first `count` keys are."""
        ...


# Keys of a dynamic definition, in the order in which they were added.
DynamicKeys = Callable[[str], Sequence[str]]


def partitions_of(
    manifest: Manifest, definition_id: str, *, now: datetime.datetime, dynamic: DynamicKeys
) -> Partitions:
    """The partitions of a definition of this manifest at this time."""
    definition = manifest.partitions_definitions.get(definition_id)
    if definition is None or definition.kind == "opaque":
        return OpaquePartitions()
    if definition.kind == "multi":
        parts = [
            Dimension(part.name, partitions_of(manifest, part.partitions, now=now, dynamic=dynamic))
            for part in definition.dimensions or []
        ]
        return MultiPartitions(sorted(parts, key=lambda part: part.name))
    if definition.kind == "time_window":
        return _in_time(definition, now.timestamp())
    return ListedPartitions(
        dynamic(definition.name or "") if definition.kind == "dynamic" else definition.keys or [], definition
    )


def _in_time(definition: PartitionsDefinition, now: float) -> Partitions:
    """What we cannot compute (another calendar, a zone that is none, windows without number) is left to the user's own code."""
    try:
        windows = time_windows(definition)
        return TimePartitions(windows, windows.starts(now))
    except (ValueError, ZoneInfoNotFoundError, OverflowError):
        return OpaquePartitions()


class ListedPartitions:
    """Static or dynamic: a list."""

    def __init__(self, keys: Sequence[str], definition: PartitionsDefinition) -> None:
        self._keys = keys
        self._definition = definition

    @functools.cached_property
    def positions(self) -> Mapping[str, int]:
        """Where each key is. Not to be modified."""
        return key_lists.positions(self._keys)

    def count(self) -> int:
        return len(self._keys)

    def page(self, offset: int = 0, limit: int | None = None) -> Sequence[str]:
        if limit is None and not offset:
            return self._keys
        return self._keys[offset : None if limit is None else offset + limit]

    def has(self, key: str) -> bool:
        return key in self.positions

    def between(self, first: str, last: str) -> list[str]:
        for key in (first, last):
            if key not in self.positions:
                raise ValueError(self.refusal(key))
        return list(self._keys[self.positions[first] : self.positions[last] + 1])

    def position(self, key: str) -> int | None:
        return self.positions.get(key)

    def mark(self, count: int) -> str:
        return key_lists.mark(self._keys, count)

    def refusal(self, key: str) -> str:
        if self._definition.kind == "dynamic":
            return f"The dynamic partitions {self._definition.name} have no key {key}: add it first."
        return f"There is no partition {key}; there are {_some(self._keys)}."

    def tags(self, key: str) -> dict[str, str]:
        return {_TAG: key}


class TimePartitions:
    """Windows of time that have ended, give or take the definition's offset."""

    def __init__(self, windows: TimeWindows, starts: Sequence[float]) -> None:
        self._windows = windows
        self._starts = starts

    def count(self) -> int:
        return len(self._starts)

    def page(self, offset: int = 0, limit: int | None = None) -> Sequence[str]:
        page = self._starts[offset : None if limit is None else offset + limit]
        return [self._windows.key(start) for start in page]

    def has(self, key: str) -> bool:
        return self.position(key) is not None

    def mark(self, count: int) -> str:
        """Windows are added at the end alone."""
        return f"{self._windows.identity}:{count}"

    def between(self, first: str, last: str) -> list[str]:
        positions = [self.position(key) for key in (first, last)]
        for key, position in zip((first, last), positions, strict=True):
            if position is None:
                raise ValueError(self.refusal(key))
        start, end = (position or 0 for position in positions)
        _require_few(end - start + 1, first, last)
        return list(self.page(start, max(0, end - start + 1)))

    def window(self, key: str) -> tuple[float, float] | None:
        """From when to when a partition reaches, in seconds since the epoch; None for one that is not there."""
        position = self.position(key)
        if position is None:
            return None
        return self._starts[position], self._windows.end_of(self._starts[position])

    def overlapping(self, start: float, end: float) -> tuple[int, int]:
        """Positions of the first and the last window that has some of this time; the last is before the first where none has."""
        first = bisect.bisect_right(self._starts, start) - 1
        if first < 0 or self._windows.end_of(self._starts[first]) <= start:
            first += 1
        return first, bisect.bisect_left(self._starts, end) - 1

    def position(self, key: str) -> int | None:
        start = self._windows.start_of(key)
        if start is None:
            return None
        position = bisect.bisect_left(self._starts, start)
        found = position < len(self._starts) and self._starts[position] == start
        return position if found and self._windows.key(start) == key else None

    def refusal(self, key: str) -> str:
        count = self.count()
        if not count:
            return f"There is no partition {key}; the first one has not ended yet."
        return f"There is no partition {key}; they go from {self.page(0, 1)[0]} to {self.page(count - 1, 1)[0]}."

    def tags(self, key: str) -> dict[str, str]:
        return {_TAG: key}


@dataclass(frozen=True)
class Dimension:
    """One dimension of a multi-dimensional definition."""

    name: str
    partitions: Partitions


class MultiPartitions:
    """Every combination of the keys of the dimensions, which are ordered by name. Keys with a `|` of their own make none."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self.dimensions = dimensions

    @functools.cached_property
    def _lists(self) -> list[Sequence[str]]:
        return [_without_delimiter(part.partitions.page()) for part in self.dimensions]

    def count(self) -> int:
        total = 1
        for keys in self._lists:
            total *= len(keys)
        return total

    def page(self, offset: int = 0, limit: int | None = None) -> Sequence[str]:
        if limit is None and not offset:
            return [DELIMITER.join(parts) for parts in itertools.product(*self._lists)]
        count = self.count()
        end = count if limit is None else min(count, offset + limit)
        return [self._key(position) for position in range(offset, end)]

    def _key(self, position: int) -> str:
        """Without walking there: half a million keys are paged through from anywhere."""
        parts: list[str] = []
        for keys in reversed(self._lists):
            position, at = divmod(position, len(keys))
            parts.append(keys[at])
        return DELIMITER.join(reversed(parts))

    def has(self, key: str) -> bool:
        parts = key.split(DELIMITER)
        if len(parts) != len(self.dimensions):
            return False
        return all(part.partitions.has(text) for part, text in zip(self.dimensions, parts, strict=True))

    def between(self, first: str, last: str) -> list[str]:
        """The rectangle between two corners."""
        for key in (first, last):
            if not self.has(key):
                raise ValueError(self.refusal(key))
        corners = zip(self.dimensions, first.split(DELIMITER), last.split(DELIMITER), strict=True)
        sides = [part.partitions.between(start, end) for part, start, end in corners]
        _require_few(math.prod(map(len, sides)), first, last)
        return [DELIMITER.join(parts) for parts in itertools.product(*sides)]

    @functools.cached_property
    def _positions(self) -> list[Mapping[str, int]]:
        return [_positions_in(part.partitions, keys) for part, keys in zip(self.dimensions, self._lists, strict=True)]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many keys each dimension has, those that make no key of the whole left out."""
        return tuple(len(keys) for keys in self._lists)

    def dimension_keys(self, dimension: int) -> Sequence[str]:
        return self._lists[dimension]

    def position(self, key: str) -> int | None:
        parts = key.split(DELIMITER)
        if len(parts) != len(self.dimensions):
            return None
        found = 0
        for positions, part in zip(self._positions, parts, strict=True):
            if part not in positions:
                return None
            found = found * len(positions) + positions[part]
        return found

    def mark(self, count: int) -> str:
        """The first dimension varies slowest: what is added to it is added at the end."""
        inner = self.count() // len(self._lists[0]) if self._lists and self._lists[0] else 0
        outer, rest = divmod(count, inner) if inner else (0, count)
        marks = [key_lists.digest(keys if number else keys[:outer]) for number, keys in enumerate(self._lists)]
        return ":".join([*(part.name for part in self.dimensions), *marks, str(outer), str(rest)])

    def refusal(self, key: str) -> str:
        parts = key.split(DELIMITER)
        names = DELIMITER.join(part.name for part in self.dimensions)
        if len(parts) != len(self.dimensions):
            return f"There is no partition {key}; a key is written {names}."
        wrong = (
            (part, text) for part, text in zip(self.dimensions, parts, strict=True) if not part.partitions.has(text)
        )
        return " ".join(f"In {part.name}: {part.partitions.refusal(text)}" for part, text in wrong)

    def tags(self, key: str) -> dict[str, str]:
        parts = zip(self.dimensions, key.split(DELIMITER), strict=False)
        return {_TAG: key, **{f"{_TAG}/{part.name}": text for part, text in parts}}


def _without_delimiter(keys: Sequence[str]) -> Sequence[str]:
    return [key for key in keys if DELIMITER not in key] if any(DELIMITER in key for key in keys) else keys


def _positions_in(partitions: Partitions, keys: Sequence[str]) -> Mapping[str, int]:
    """Where each of these keys is. Only of a list that others keep is it kept longer than this object: one made for it would be no other's."""
    if isinstance(partitions, ListedPartitions) and partitions.page() is keys:
        return partitions.positions
    return {key: position for position, key in enumerate(keys)}


def _require_few(count: int, first: str, last: str) -> None:
    if count > BETWEEN_MAX:
        raise ValueError(f"There are {count:,} partitions from {first} to {last}; a range has at most {BETWEEN_MAX:,}.")


class OpaquePartitions:
    """Defined by code of the user's own, which only the user's process can ask: any key may be one."""

    def count(self) -> int:
        return 0

    def page(self, offset: int = 0, limit: int | None = None) -> Sequence[str]:
        return []

    def has(self, key: str) -> bool:
        return bool(key)

    def between(self, first: str, last: str) -> list[str]:
        raise ValueError(
            f"The partitions between {first} and {last} are known to the user's code alone: run them one by one."
        )

    def position(self, key: str) -> int | None:
        return None

    def mark(self, count: int) -> str:
        return f"opaque:{count}"

    def refusal(self, key: str) -> str:
        return f"There is no partition {key!r}."

    def tags(self, key: str) -> dict[str, str]:
        return {_TAG: key}


def _some(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:5])
    return f"{shown} and {len(keys) - 5} more" if len(keys) > 5 else shown or "none"
