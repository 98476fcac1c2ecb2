"""By which inputs nobody can say whether an asset is out of sync, why, and what to do. Pure: definitions alone say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from controlplane.catalog.input_partitions import is_known
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.graph import AssetNode
from controlplane.definitions.manifest import PartitionMapping


class Unjudged(Enum):
    """Why not, and what to do."""

    EXTERNAL = (
        "is made elsewhere and has partitions: which of its versions a partition was made from is not kept",
        "Let an automation condition such as any_deps_updated() follow it, or materialize the partitions that you know have changed.",
    )
    MAPPING = (
        "belongs to it by a partition mapping of your own class, which only your code can follow",
        "Use one of Dagster's own partition mappings, or materialize the partitions that you know have changed.",
    )
    PARTITIONS = (
        "has partitions, or belongs to partitions, that only your own code can list",
        "Use fewer than a million time windows, or materialize the partitions that you know have changed.",
    )

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class UnjudgedInput:
    """One input that counts for nothing."""

    upstream: str
    why: Unjudged

    @property
    def reason(self) -> str:
        return self.why.reason

    @property
    def remedy(self) -> str:
        return self.why.remedy


def unjudged_inputs(
    node: AssetNode, nodes: Mapping[str, AssetNode], is_opaque: Callable[[str], bool]
) -> tuple[UnjudgedInput, ...]:
    """Of an asset that something here makes, by the input's key. `is_opaque` says of an asset with partitions whether only code knows them."""
    if node.asset.is_external or node.asset.is_virtual:
        return ()
    return tuple(_found(node, nodes, is_opaque))


def _found(
    node: AssetNode, nodes: Mapping[str, AssetNode], is_opaque: Callable[[str], bool]
) -> Iterator[UnjudgedInput]:
    mappings = {to_text(dep.asset): dep.mapping for dep in node.asset.deps}
    for key in sorted(node.upstream):
        other = nodes.get(key)
        if other is None or other.asset.partitions is None:
            continue
        if other.asset.is_external:
            yield UnjudgedInput(key, Unjudged.EXTERNAL)
        elif not _is_followed(mappings.get(key)):
            yield UnjudgedInput(key, Unjudged.MAPPING)
        elif is_opaque(key) or (node.asset.partitions is not None and is_opaque(node.key)):
            yield UnjudgedInput(key, Unjudged.PARTITIONS)


def _is_followed(mapping: PartitionMapping | None) -> bool:
    """Dagster's own, and of dimensions each."""
    if mapping is None:
        return True
    parts = (mapping.args.get("dimensions") or {}).values()
    return is_known(mapping.cls) and all(
        _is_followed(msgspec.convert(part["mapping"], PartitionMapping)) for part in parts
    )
