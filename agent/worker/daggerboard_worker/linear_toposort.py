"""The same topological levels in linear time.

Dagster sorts its graphs with the `toposort` package, which rebuilds the whole graph for each level: a chain of 5,000 assets
takes it 35 of the 40 seconds that the location takes to load. The levels and the error for cycles are the same here.
"""

from collections.abc import Hashable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def install() -> None:
    """For the calls that dagster makes through the package; without the package there is nothing to replace."""
    try:
        import toposort  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return
    toposort.toposort = levels


def levels(data: Mapping[Item, AbstractSet[Item]]) -> Iterator[set[Item]]:
    waiting = {item: {other for other in needs if other != item} for item, needs in data.items()}
    dependents: dict[Item, list[Item]] = {}
    for item, needs in list(waiting.items()):
        for other in needs:
            dependents.setdefault(other, []).append(item)
            waiting.setdefault(other, set())
    ready = {item for item, needs in waiting.items() if not needs}
    while ready:
        yield ready
        ready = release(ready, waiting, dependents)
    if waiting:
        from toposort import CircularDependencyError

        raise CircularDependencyError(waiting)


def release(done: set[Item], waiting: dict[Item, set[Item]], dependents: dict[Item, list[Item]]) -> set[Item]:
    """What can go next, now that `done` is out of the way."""
    freed = set()
    for item in done:
        del waiting[item]
    for item in done:
        for dependent in dependents.get(item, ()):
            needs = waiting[dependent]
            needs.discard(item)
            if not needs:
                freed.add(dependent)
    return freed
