"""Choosing among many keys: partitions, assets and ops of what is about to be launched, by search, the newest partition first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from controlplane.catalog.partition_keys import OpaquePartitions, Partitions
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Job, Manifest, Op

SHOWN = 50
# A search looks at no more keys than this: hourly partitions of twenty years.
_SEARCHED = 200_000
_CHUNK = 5_000


@dataclass(frozen=True)
class FoundKeys:
    """Some keys that match, how many there are in all, and whether only a part of them was searched."""

    keys: list[str]
    total: int
    more: bool


@dataclass(frozen=True)
class PartitionChoice:
    """The partitions to choose from. `newest_first`: time goes on, so the last key is the one people want."""

    partitions: Partitions
    newest_first: bool
    # Whether a run has to name one: a job of ops can run without.
    required: bool

    @property
    def is_open(self) -> bool:
        """Only the user's code knows the keys."""
        return isinstance(self.partitions, OpaquePartitions)

    @property
    def preselected(self) -> str:
        count = self.partitions.count()
        return next(iter(self.partitions.page(count - 1, 1)), "") if self.newest_first and count else ""

    def search(self, text: str) -> FoundKeys:
        """The keys that contain every word of the text."""
        return _search(self._in_order(), text, total=self.partitions.count())

    def _in_order(self) -> Iterator[str]:
        count = min(self.partitions.count(), _SEARCHED)
        total = self.partitions.count()
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            if self.newest_first:
                yield from reversed(self.partitions.page(total - start - size, size))
            else:
                yield from self.partitions.page(start, size)


def is_timed(manifest: Manifest, definition_id: str) -> bool:
    """Whether the last key of a definition is its newest."""
    definition = manifest.partitions_definitions.get(definition_id)
    if definition is None:
        return False
    if definition.kind == "multi":
        return any(is_timed(manifest, part.partitions) for part in definition.dimensions or [])
    return definition.kind in {"time_window", "dynamic"}


def search_assets(job: Job, text: str) -> FoundKeys:
    """Assets of a job."""
    return _search((to_text(key) for key in job.assets), text, total=len(job.assets))


def search_ops(job: Job, text: str) -> FoundKeys:
    """Ops of a job, nested ones with dots."""
    paths = list(_op_paths(job.ops or [], ""))
    return _search(paths, text, total=len(paths))


def _op_paths(ops: Sequence[Op], prefix: str) -> Iterator[str]:
    for op in ops:
        yield prefix + op.name
        yield from _op_paths(op.ops or [], f"{prefix}{op.name}.")


def _search(keys: Iterable[str], text: str, *, total: int) -> FoundKeys:
    words = text.casefold().split()
    matching = (key for key in keys if all(word in key.casefold() for word in words))
    found = list(islice(matching, SHOWN + 1))
    return FoundKeys(found[:SHOWN], total, len(found) > SHOWN)
