"""Filtering the assets of a deployment, in memory: definitions are there already. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.catalog.asset_status import AssetStatus
from controlplane.definitions.graph import AssetNode


@dataclass(frozen=True)
class AssetFilter:
    """What a list of assets shows; empty means all. `q` is text of the key, its words in any order; `tag` is `key` or `key=value`."""

    q: str = ""
    group: str = ""
    kind: str = ""
    owner: str = ""
    tag: str = ""
    location: str = ""
    # `yes`: what code defines; `no`: what is known by its events alone.
    defined: str = ""
    status: str = ""
    # Of asset_health.HealthStatus; who lists asks for it once it is judged.
    health: str = ""
    # Of staleness.Sync, likewise.
    sync: str = ""

    def matches(self, key: str, node: AssetNode | None, status: AssetStatus) -> bool:
        """`node` is None of an asset that no code location defines: it has no group, and nothing else that code says."""
        text = key.casefold()
        return (
            all(word in text for word in self.q.casefold().split())
            and self.status in {"", status.value}
            and self.defined in {"", "no" if node is None else "yes"}
            and (self._is_of_any_definition if node is None else self._matches_definition(node))
        )

    @property
    def _is_of_any_definition(self) -> bool:
        return not (self.group or self.kind or self.owner or self.tag or self.location)

    def _matches_definition(self, node: AssetNode) -> bool:
        asset = node.asset
        return (
            self.group in {"", node.group}
            and self.location in {"", node.location}
            and (not self.kind or self.kind in asset.kinds)
            and (not self.owner or self.owner in asset.owners)
            and (not self.tag or self.tag in tag_texts(node))
        )


@dataclass(frozen=True)
class Facets:
    """The values that assets can be filtered by, each with the number of assets."""

    groups: list[tuple[str, int]]
    kinds: list[tuple[str, int]]
    owners: list[tuple[str, int]]
    tags: list[tuple[str, int]]
    locations: list[tuple[str, int]]


def tag_texts(node: AssetNode) -> list[str]:
    """The tags of an asset as a filter spells them: `key`, and `key=value` where there is a value."""
    return [
        text for name, value in node.asset.tags.items() for text in ((name, f"{name}={value}") if value else (name,))
    ]


def facets(nodes: Iterable[AssetNode]) -> Facets:
    """Count every value."""
    groups, kinds, owners, tags, locations = (Counter[str]() for _ in range(5))
    for node in nodes:
        groups[node.group] += 1
        locations[node.location] += 1
        kinds.update(set(node.asset.kinds))
        owners.update(set(node.asset.owners))
        tags.update({f"{name}={value}" if value else name for name, value in node.asset.tags.items()})
    counted = [sorted(counter.items()) for counter in (groups, kinds, owners, tags, locations)]
    return Facets(*counted)
