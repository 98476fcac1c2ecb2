"""Whether an asset, or a partition of one, is out of sync with its code and its inputs, as dagster's CachingStaleStatusResolver judges,
from the tags of its latest materialization. Pure: who asks finds what is `needed`, then `older`, and judges.

As there, an asset with partitions is judged by partition alone, and what lies behind a virtual asset by when it was made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from controlplane.catalog.unjudged_inputs import UnjudgedInput
from controlplane.definitions.graph import AssetNode

CODE_VERSION_TAG = "dagster/code_version"
_DATA_VERSION_TAGS = ("dagster/data_version", "dagster/logical_version")
_INPUT_VERSIONS = ("dagster/input_data_version/", "dagster/input_logical_version/")
_INPUT_POINTERS = "dagster/input_event_pointer/"
_NO_POINTER = "NULL"
_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
# Of an asset that something else makes and nobody observed, and of one that was never made.
_INITIAL, _NULL = "INITIAL", "NULL"


class Sync(StrEnum):
    """Dagster's StaleStatus, and what it has no word for."""

    MISSING = "MISSING"
    STALE = "STALE"
    FRESH = "FRESH"
    # Ours: no cause is known, and by some input nobody can say.
    NOT_JUDGED = "NOT_JUDGED"

    @property
    def label(self) -> str:
        return {"MISSING": "Missing", "STALE": "Out of sync", "FRESH": "In sync", "NOT_JUDGED": "Not judged"}[
            self.value
        ]


class Category(StrEnum):
    """Dagster's StaleCauseCategory."""

    CODE = "CODE"
    DATA = "DATA"
    DEPENDENCIES = "DEPENDENCIES"


@dataclass(frozen=True)
class StaleCause:
    """Why; `upstream` is the input that it is about, and `partition` which one of it."""

    category: Category
    reason: str
    upstream: str | None = None
    partition: str | None = None


@dataclass(frozen=True)
class Staleness:
    status: Sync
    causes: tuple[StaleCause, ...] = ()
    not_judged_by: tuple[UnjudgedInput, ...] = ()

    @property
    def is_unsynced(self) -> bool:
        return self.status == Sync.STALE


# An asset, and the partition where it has any.
Place = tuple[str, str | None]


def data_version(tags: Mapping[str, str]) -> str:
    """The data version that an event's tags tell."""
    return next((tags[name] for name in _DATA_VERSION_TAGS if tags.get(name)), _INITIAL)


@dataclass(frozen=True)
class Record:
    """The latest event that says which data there is; `id` is dagster's storage id."""

    id: int
    tags: Mapping[str, str]
    at: float

    @property
    def data_version(self) -> str:
        return data_version(self.tags)

    @property
    def has_provenance(self) -> bool:
        return CODE_VERSION_TAG in self.tags

    @property
    def input_versions(self) -> dict[str, str]:
        return {name.split("/", 2)[2]: value for name, value in self.tags.items() if name.startswith(_INPUT_VERSIONS)}

    def pointer(self, key: str) -> int | None:
        """The event of an input that was used last."""
        text = self.tags.get(f"{_INPUT_POINTERS}{key}", _NO_POINTER)
        return int(text) if text.isdigit() else None

    def knows(self, key: str) -> bool:
        return key in self.input_versions and f"{_INPUT_POINTERS}{key}" in self.tags

    @property
    def is_user_provided(self) -> bool:
        return self.has_provenance and self.tags.get(_USER_PROVIDED_TAG) == "true"


@dataclass
class Judge:
    """`inputs` answers which partitions of an input a place uses, `unjudged` which inputs of an asset count for nothing; `records` and
    `versions` are filled by who asks.
    """

    nodes: Mapping[str, AssetNode]
    inputs: Callable[[AssetNode, str | None, str], Sequence[str]]
    records: Mapping[Place, Record]
    # The data version that a partition of an input had as of an event.
    versions: Mapping[tuple[str, str, int], str | None] = field(default_factory=dict)
    unjudged: Callable[[AssetNode], tuple[UnjudgedInput, ...]] = lambda _node: ()

    def can_tell(self, place: Place) -> bool:
        """Whether there is anything to say about it."""
        node = self.nodes.get(place[0])
        return node is not None and (node.asset.partitions is None) == (place[1] is None)

    def needed(self, place: Place) -> list[Place]:
        """Whose records it is judged by, its own first."""
        if not self.can_tell(place):
            return []
        behind = ((key, None) for key in self._behind(self.nodes[place[0]]))
        return [place, *self._inputs(place), *behind]

    def older(self, place: Place) -> Iterator[tuple[str, str, int]]:
        """Of which inputs an earlier version is wanted, and as of which event. Ask once the records are there."""
        record = self.records.get(place)
        if record is None or not self.can_tell(place):
            return
        for key, partition in self._inputs(place):
            other, pointer = self.records.get((key, partition)), record.pointer(key)
            if partition is not None and other is not None and pointer is not None and other.id > pointer:
                yield key, partition, pointer

    def staleness(self, place: Place) -> Staleness | None:
        """How it stands; None where this cannot be told."""
        if not self.can_tell(place):
            return None
        node, record = self.nodes[place[0]], self.records.get(place)
        if node.asset.is_external:
            return Staleness(Sync.FRESH)
        if record is None:
            return Staleness(Sync.FRESH if node.asset.is_virtual and self._has_anything(node) else Sync.MISSING)
        if node.asset.is_virtual:
            return stale_by(tuple(_new_code(node, record)))
        causes = (*_own_causes(node, record), *self._by_inputs(place, record), *self._by_times_behind(node, record))
        return stale_by(causes, self.unjudged(node))

    def _behind(self, node: AssetNode) -> list[str]:
        """What is not virtual behind the virtual inputs of an asset; of a virtual asset, behind it."""
        waiting = [key for key in node.upstream if node.asset.is_virtual or self._is_virtual(key)]
        seen, found = set(waiting), set()
        while waiting:
            key = waiting.pop()
            if not self._is_virtual(key):
                found.add(key)
                continue
            new = set(self.nodes[key].upstream) - seen
            seen |= new
            waiting += new
        return sorted(found)

    def _is_virtual(self, key: str) -> bool:
        return key in self.nodes and self.nodes[key].asset.is_virtual

    def _has_anything(self, node: AssetNode) -> bool:
        behind = self._behind(node)
        return any((key, None) in self.records or self._is_external(key) for key in behind)

    def _is_external(self, key: str) -> bool:
        return key not in self.nodes or self.nodes[key].asset.is_external

    def _by_times_behind(self, node: AssetNode, record: Record) -> Iterator[StaleCause]:
        for key in self._behind(node):
            other = self.records.get((key, None))
            if other is not None and other.at > record.at:
                yield StaleCause(Category.DATA, "has a new dependency materialization", key)

    def _inputs(self, place: Place) -> Iterator[Place]:
        node = self.nodes[place[0]]
        for key in sorted(node.upstream):
            other = self.nodes.get(key)
            if other is None or other.asset.partitions is None:
                yield key, None
            elif not other.asset.is_external:
                for partition in self.inputs(node, place[1], key):
                    yield key, partition

    def _by_inputs(self, place: Place, record: Record) -> Iterator[StaleCause]:
        for key, partition in self._inputs(place):
            judge = self._by_versions if record.has_provenance else self._by_times
            cause = judge(record, key, partition)
            if cause is not None:
                yield cause

    def _by_versions(self, record: Record, key: str, partition: str | None) -> StaleCause | None:
        if not record.knows(key):
            return StaleCause(Category.DEPENDENCIES, f"has a new dependency on {key}", key, partition)
        node, other = self.nodes.get(key), self.records.get((key, partition))
        is_external = node is None or node.asset.is_external
        if partition is None:
            current = other.data_version if other is not None else _INITIAL if is_external else _NULL
            if not _differ(record.input_versions[key], current):
                return None
        elif not self._is_updated(record, key, partition):
            return None
        versioned = is_external or node is None or node.asset.code_version is not None
        by_version = versioned or (other is not None and other.is_user_provided)
        what = "data version" if by_version else "materialization"
        return StaleCause(Category.DATA, f"has a new dependency {what}", key, partition)

    def _is_updated(self, record: Record, key: str, partition: str) -> bool:
        other, pointer = self.records.get((key, partition)), record.pointer(key)
        if other is None or pointer is None or other.id <= pointer:
            return False
        return _differ(self.versions.get((key, partition, pointer)), other.data_version)

    def _by_times(self, record: Record, key: str, partition: str | None) -> StaleCause | None:
        """Materializations of long ago say nothing of their inputs."""
        node, other = self.nodes.get(key), self.records.get((key, partition))
        if node is None or node.asset.is_external:
            return None
        if other is None:
            return StaleCause(Category.DATA, "has a new input", key, partition)
        if other.at > record.at:
            return StaleCause(Category.DATA, "has a new dependency materialization", key, partition)
        return None


def stale_by(causes: tuple[StaleCause, ...], not_judged_by: tuple[UnjudgedInput, ...] = ()) -> Staleness:
    """Of what was made: how it stands with these causes."""
    status = Sync.STALE if causes else Sync.NOT_JUDGED if not_judged_by else Sync.FRESH
    return Staleness(status, causes, not_judged_by)


def _new_code(node: AssetNode, record: Record) -> Iterator[StaleCause]:
    version = node.asset.code_version
    if record.has_provenance and version and version != record.tags[CODE_VERSION_TAG]:
        yield StaleCause(Category.CODE, "has a new code version")


def _own_causes(node: AssetNode, record: Record) -> Iterator[StaleCause]:
    if not record.has_provenance:
        return
    yield from _new_code(node, record)
    for key in sorted(record.input_versions.keys() - set(node.upstream)):
        yield StaleCause(Category.DEPENDENCIES, f"removed dependency on {key}", key)


def _differ(before: str | None, now: str) -> bool:
    """Dagster's own exception: what another location took for external was never made."""
    return before != now and (before, now) != (_INITIAL, _NULL)
