"""Which partitions of an input a partition is made from, by dagster's partition mappings, as far as definitions alone say. Pure.

What only the user's code knows, and what dagster leaves out for its number, answers nothing: nobody is judged by it.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from controlplane.catalog.partition_keys import (
    DELIMITER,
    Dimension,
    MultiPartitions,
    OpaquePartitions,
    Partitions,
    TimePartitions,
)
from controlplane.definitions.manifest import PartitionMapping

Args = Mapping[str, Any]
# Dagster judges nobody by an input of which so many partitions are used.
INPUTS_MAX = 100
_TOO_MANY = ("",) * INPUTS_MAX


def input_partitions(
    partition: str | None, child: Partitions | None, parent: Partitions, mapping: PartitionMapping | None
) -> Sequence[str]:
    """Partitions of `parent` that belong to `partition` of `child` (None and None for an asset without partitions)."""
    if isinstance(parent, OpaquePartitions) or isinstance(child, OpaquePartitions):
        return []
    found = _mapped(partition, child, parent, mapping)
    return found if len(found) < INPUTS_MAX else []


def is_known(mapping_class: str) -> bool:
    """Whether this is a partition mapping of dagster's own; what any other says is known to the user's code alone."""
    return mapping_class in _FIXED or mapping_class in _BY_KEY or mapping_class == "IdentityPartitionMapping"


def _mapped(
    partition: str | None,
    child: Partitions | None,
    parent: Partitions,
    mapping: PartitionMapping | None,
    *,
    within: bool = False,
) -> Sequence[str]:
    """`within`: of one dimension of several, where all windows of time count."""
    args = mapping.args if mapping is not None else {}
    name = mapping.cls if mapping is not None else _inferred(child, parent)
    if within and name == "AllPartitionMapping":
        return parent.page(0, INPUTS_MAX)
    if name in _FIXED:
        return _FIXED[name](parent, args)
    if partition is None or child is None:
        return []
    if name == "IdentityPartitionMapping":
        return [partition] if parent.has(partition) else []
    return _BY_KEY[name](partition, child, parent, args) if name in _BY_KEY else []


def _inferred(child: Partitions | None, parent: Partitions) -> str:
    if child is None:
        return "AllPartitionMapping"
    if isinstance(child, MultiPartitions) != isinstance(parent, MultiPartitions):
        return "MultiToSingleDimensionPartitionMapping"
    if isinstance(child, TimePartitions) and isinstance(parent, TimePartitions):
        return "TimeWindowPartitionMapping"
    return "IdentityPartitionMapping"


def _by_time(partition: str, child: Partitions, parent: Partitions, args: Args) -> Sequence[str]:
    """The windows that the partition's own overlaps, moved by the offsets."""
    if not isinstance(child, TimePartitions) or not isinstance(parent, TimePartitions):
        return []
    window = child.window(partition)
    if window is None:
        return []
    first, last = parent.overlapping(*window)
    first, last = first + int(args.get("start_offset") or 0), last + int(args.get("end_offset") or 0)
    # One more than is wanted says that there are too many.
    return parent.page(max(0, first), max(0, min(last + 1 - max(0, first), INPUTS_MAX)))


def _of_dimension(partition: str, child: Partitions, parent: Partitions, args: Args) -> Sequence[str]:
    """Of the dimension that the two have in common: the one that is named, or the only one with these keys."""
    name = args.get("partition_dimension_name")
    many, single = (child, parent) if isinstance(child, MultiPartitions) else (parent, child)
    if not isinstance(many, MultiPartitions) or isinstance(single, MultiPartitions):
        return []
    places = [number for number, part in enumerate(many.dimensions) if _is_it(part.name, part.partitions, name, single)]
    if len(places) != 1:
        return []
    if many is child:
        key = partition.split(DELIMITER)[places[0]] if many.has(partition) else ""
        return [key] if single.has(key) else []
    if many.count() // max(1, many.shape[places[0]]) >= INPUTS_MAX:
        return []
    return [key for key in many.page() if key.split(DELIMITER)[places[0]] == partition]


def _of_dimensions(partition: str, child: Partitions, parent: Partitions, args: Args) -> Sequence[str]:
    """Dimension by dimension of the input: by the mapping of the one of ours that it is mapped to, or all of it."""
    if not isinstance(child, MultiPartitions) or not isinstance(parent, MultiPartitions) or not child.has(partition):
        return []
    own = {part.name: (key, part.partitions) for part, key in _parts(child, partition)}
    mapped = args.get("dimensions") or {}
    sides: list[Sequence[str]] = []
    for part in parent.dimensions:
        found = mapped.get(part.name)
        if found is None:
            sides.append(part.partitions.page(0, INPUTS_MAX))
            continue
        mapping = msgspec.convert(found["mapping"], PartitionMapping)
        if found["dimension"] not in own or mapping.cls not in _OF_ONE_DIMENSION:
            return []
        sides.append(_mapped(*own[found["dimension"]], part.partitions, mapping, within=True))
    if math.prod(map(len, sides)) >= INPUTS_MAX:
        return _TOO_MANY
    return [DELIMITER.join(keys) for keys in itertools.product(*sides)]


def _parts(partitions: MultiPartitions, key: str) -> Iterator[tuple[Dimension, str]]:
    return zip(partitions.dimensions, key.split(DELIMITER), strict=True)


def _is_it(name: str, dimension: Partitions, wanted: str | None, single: Partitions) -> bool:
    if wanted is not None:
        return name == wanted
    count = single.count()
    return (
        type(dimension) is type(single) and dimension.count() == count and dimension.mark(count) == single.mark(count)
    )


def _static(partition: str, _child: Partitions, parent: Partitions, args: Args) -> Sequence[str]:
    pairs = (args.get("downstream_partition_keys_by_upstream_partition_key") or {}).items()
    named = [up for up, down in pairs if partition == down or (not isinstance(down, str) and partition in down)]
    return [key for key in named if parent.has(key)]


def _all(parent: Partitions, _args: Args) -> Sequence[str]:
    """Dagster leaves out windows of time."""
    return [] if isinstance(parent, TimePartitions) else parent.page(0, INPUTS_MAX)


def _last(parent: Partitions, _args: Args) -> Sequence[str]:
    return parent.page(parent.count() - 1, 1) if parent.count() else []


def _specific(parent: Partitions, args: Args) -> Sequence[str]:
    return [key for key in args.get("partition_keys") or [] if parent.has(key)]


_FIXED: dict[str, Callable[[Partitions, Args], Sequence[str]]] = {
    "AllPartitionMapping": _all,
    "LastPartitionMapping": _last,
    "SpecificPartitionsPartitionMapping": _specific,
}
_BY_KEY: dict[str, Callable[[str, Partitions, Partitions, Args], Sequence[str]]] = {
    "StaticPartitionMapping": _static,
    "TimeWindowPartitionMapping": _by_time,
    "MultiToSingleDimensionPartitionMapping": _of_dimension,
    "MultiPartitionMapping": _of_dimensions,
}
_OF_ONE_DIMENSION = {"IdentityPartitionMapping", "StaticPartitionMapping", "TimeWindowPartitionMapping", *_FIXED}
