"""The asset graph of a whole deployment: the graphs of its locations, merged by asset key."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.layout import Layout, layered
from controlplane.definitions.manifest import Asset, Manifest

# Dagster's name for the group of assets that were given none.
DEFAULT_GROUP = "default"
# The rank of a definition by which runs make the asset.
_MATERIALIZES = 3


@dataclass(frozen=True)
class AssetNode:
    """One asset as the location that defines it says."""

    key: str
    location: str
    asset: Asset
    upstream: tuple[str, ...]

    @property
    def group(self) -> str:
        return self.asset.group or DEFAULT_GROUP


class AssetGraph:
    """Nodes, upstream and downstream by asset key. Immutable; made once per set of manifests.

    `duplicates` names, by asset, the locations that can materialize it too and are not asked to: one of them defines it.
    """

    def __init__(self, nodes: Mapping[str, AssetNode], duplicates: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.nodes = nodes
        self.duplicates = duplicates or {}

    @classmethod
    def of(cls, manifests: Mapping[str, Manifest], order: Sequence[str] = ()) -> "AssetGraph":
        """Merge. Where several locations name an asset, the one that materializes it defines it, and where several do, the first of
        `order`, the locations as they were added; what the others of these say of it is left out. Those that only refer to it add
        their upstreams. A location that `order` does not name comes after it, by name.
        """
        nodes: dict[str, AssetNode] = {}
        duplicates: dict[str, tuple[str, ...]] = {}
        for location in ordered(manifests, order):
            for asset in manifests[location].assets:
                node = _node(location, asset)
                known = nodes.get(node.key)
                if known is not None and _rank(known) == _rank(node) == _MATERIALIZES:
                    duplicates[node.key] = (*duplicates.get(node.key, ()), location)
                else:
                    nodes[node.key] = node if known is None else _merged(known, node)
        return cls(nodes, duplicates)

    @cached_property
    def upstream(self) -> dict[str, tuple[str, ...]]:
        """The upstreams of each asset, without those that no location knows."""
        return {key: tuple(up for up in node.upstream if up in self.nodes) for key, node in self.nodes.items()}

    @cached_property
    def downstream(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {key: [] for key in self.nodes}
        for key in sorted(self.upstream):
            for up in self.upstream[key]:
                found[up].append(key)
        return {key: tuple(down) for key, down in found.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All assets, upstreams first, otherwise by key. A cycle (two locations can make one) is cut at its first key."""
        waiting = {key: len(up) for key, up in self.upstream.items()}
        ready = [key for key, count in waiting.items() if count == 0]
        heapq.heapify(ready)
        stuck = iter(sorted(self.nodes))
        ordered: dict[str, None] = {}
        while len(ordered) < len(self.nodes):
            key = heapq.heappop(ready) if ready else next(key for key in stuck if key not in ordered)
            if key in ordered:
                continue
            ordered[key] = None
            for down in self.downstream[key]:
                waiting[down] -= 1
                if waiting[down] == 0:
                    heapq.heappush(ready, down)
        return tuple(ordered)

    @cached_property
    def layout(self) -> Layout:
        """Where each asset stands when the graph is drawn."""
        return layered(self.order, self.upstream)

    def ancestors(self, keys: Iterable[str]) -> set[str]:
        """Everything upstream of the keys, without them."""
        return _reached(keys, self.upstream)

    def descendants(self, keys: Iterable[str]) -> set[str]:
        """Everything downstream of the keys, without them."""
        return _reached(keys, self.downstream)


def ordered(locations: Iterable[str], order: Sequence[str]) -> list[str]:
    """Names of code locations as they were added: those of `order` in it, then the others by name."""
    place = {name: number for number, name in enumerate(order)}
    return sorted(locations, key=lambda name: (place.get(name, len(place)), name))


def _node(location: str, asset: Asset) -> AssetNode:
    upstream = dict.fromkeys(to_text(dependency.asset) for dependency in asset.deps)
    key = to_text(asset.key)
    upstream.pop(key, None)  # a self-dependency over partitions is no edge between assets
    return AssetNode(key=key, location=location, asset=asset, upstream=tuple(upstream))


def _merged(known: AssetNode, other: AssetNode) -> AssetNode:
    first, second = (other, known) if _rank(other) > _rank(known) else (known, other)
    upstream = tuple(dict.fromkeys((*first.upstream, *second.upstream)))
    return AssetNode(key=first.key, location=first.location, asset=first.asset, upstream=upstream)


def _rank(node: AssetNode) -> int:
    asset = node.asset
    if asset.is_executable:
        return _MATERIALIZES if asset.is_materializable else 2
    return 0 if asset.is_external else 1


def _reached(keys: Iterable[str], edges: Mapping[str, tuple[str, ...]]) -> set[str]:
    start = set(keys)
    seen: set[str] = set()
    front = [near for key in start for near in edges.get(key, ())]
    while front:
        key = front.pop()
        if key not in seen:
            seen.add(key)
            front.extend(edges[key])
    return seen - start
