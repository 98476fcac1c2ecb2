"""Layered drawing of a graph: longest path gives the layer, barycentre sweeps the place in it. Grid units, left to right.

No dummy nodes for long edges: 5,000 nodes take tens of milliseconds instead of many seconds, for a few crossings more.
Components are drawn apart and packed into shelves; nodes without any edge stand in a block of their own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edges = Mapping[str, Sequence[str]]
Places = dict[str, tuple[float, float]]

# Forth and back twice: more changes little.
_SWEEPS = 4
# Columns that a node without edges costs in a block, against the rows, so that the block is about as wide as it is high on a screen.
_BLOCK_ASPECT = 0.4


@dataclass(frozen=True)
class Layout:
    """Place of every node as (layer, row), and the size of the whole."""

    places: Places
    layers: int
    rows: float


def layered(order: Sequence[str], upstream: Edges) -> Layout:
    """Lay out a graph whose `order` has upstreams first; an edge against the order is drawn, but moves nothing."""
    components = _components(order, upstream)
    drawn = [_draw(component, upstream) for component in components if len(component) > 1]
    alone = [component[0] for component in components if len(component) == 1]
    if alone:
        drawn.append(_block(alone))
    return _packed(drawn)


def _components(order: Sequence[str], upstream: Edges) -> list[list[str]]:
    """Connected parts, each in order; the one with the first node first."""
    parent = {key: key for key in order}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for key in order:
        for up in upstream[key]:
            parent[root(up)] = root(key)
    found: dict[str, list[str]] = {}
    for key in order:
        found.setdefault(root(key), []).append(key)
    return list(found.values())


def _draw(order: Sequence[str], upstream: Edges) -> Places:
    layer = _longest_paths(order, upstream)
    columns: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for key in order:
        columns[layer[key]].append(key)
    downstream: dict[str, list[str]] = {key: [] for key in order}
    for key in order:
        for up in upstream[key]:
            downstream[up].append(key)
    rows = _swept(columns, upstream, downstream)
    return {key: (float(layer[key]), rows[key]) for key in order}


def _longest_paths(order: Sequence[str], upstream: Edges) -> dict[str, int]:
    layer: dict[str, int] = {}
    for key in order:
        layer[key] = max((layer[up] + 1 for up in upstream[key] if up in layer), default=0)
    return layer


def _swept(columns: list[list[str]], upstream: Edges, downstream: Edges) -> dict[str, float]:
    """Order every column by the mean row of its neighbours, forth and back; then centre the columns."""
    rows = {key: float(row) for column in columns for row, key in enumerate(column)}
    for sweep in range(_SWEEPS):
        neighbours, walk = (upstream, columns) if sweep % 2 == 0 else (downstream, columns[::-1])
        for column in walk:
            _sort_by_mean(column, neighbours, rows)
    height = max(len(column) for column in columns)
    for column in columns:
        shift = (height - len(column)) / 2
        for row, key in enumerate(column):
            rows[key] = row + shift
    return rows


def _sort_by_mean(column: list[str], neighbours: Edges, rows: dict[str, float]) -> None:
    means = {}
    for key in column:
        near = neighbours[key]
        means[key] = sum(rows[other] for other in near) / len(near) if near else rows[key]
    column.sort(key=means.__getitem__)
    for row, key in enumerate(column):
        rows[key] = float(row)


def _block(keys: Sequence[str]) -> Places:
    width = max(1, math.ceil(math.sqrt(len(keys) * _BLOCK_ASPECT)))
    return {key: (float(number % width), float(number // width)) for number, key in enumerate(keys)}


def _packed(drawn: list[Places]) -> Layout:
    """Put drawings on shelves of about the same width, one row apart."""
    sizes = [(max(x for x, _ in places.values()) + 1, max(y for _, y in places.values()) + 1) for places in drawn]
    area = sum(width * height for width, height in sizes)
    shelf_width = max([width for width, _ in sizes] + [math.sqrt(area * _BLOCK_ASPECT)], default=0)
    placed: Places = {}
    left = top = shelf_height = right = 0.0
    for places, (width, height) in zip(drawn, sizes, strict=True):
        if left and left + width > shelf_width:
            left, top, shelf_height = 0.0, top + shelf_height + 1, 0.0
        placed.update({key: (x + left, y + top) for key, (x, y) in places.items()})
        right = max(right, left + width)
        left, shelf_height = left + width + 1, max(shelf_height, height)
    return Layout(places=placed, layers=math.ceil(right), rows=top + shelf_height)
