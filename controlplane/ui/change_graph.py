"""The lineage of what a branch changes: what differs, what is affected, and what stands next to it; what is gone included."""

from typing import Any

from controlplane.definitions.graph import AssetGraph, AssetNode
from controlplane.definitions.layout import layered
from controlplane.deployments.branch_changes import BranchChanges
from controlplane.ui.change_lines import WORDS

# Beyond this a graph is no picture of a change; the list beside it shows all.
_MOST = 1500


def change_words(changes: BranchChanges) -> dict[str, tuple[str, str]]:
    """What happened to an asset and the word for it, by key: added, changed, removed, affected."""
    found = {one.key: "affected" for one in changes.comparison.affected}
    found |= {key: difference.change.value for key, difference in changes.comparison.assets.items()}
    return {key: (status, WORDS[status]) for key, status in found.items()}


def change_graph(changes: BranchChanges) -> dict[str, Any]:
    """As the API's asset graph, with `change` and its word for each node."""
    words, graph = change_words(changes), _merged(changes)
    near = {up for key in words for up in graph.upstream.get(key, ())}
    shown = [key for key in graph.order if key in words or key in near][:_MOST]
    kept = AssetGraph({key: graph.nodes[key] for key in shown})
    layout, position = layered(kept.order, kept.upstream), {key: number for number, key in enumerate(kept.order)}
    return {
        "nodes": [{**_node(kept.nodes[key], layout.places[key]), "change": words.get(key)} for key in kept.order],
        "edges": [[position[up], position[key]] for key in kept.order for up in kept.upstream[key]],
    }


def _merged(changes: BranchChanges) -> AssetGraph:
    """The branch's graph, and of the base what the branch has no more."""
    gone = {key: node for key, node in changes.before.graph.nodes.items() if key in changes.comparison.assets}
    return AssetGraph({**gone, **changes.after.graph.nodes})


def _node(node: AssetNode, place: tuple[float, float]) -> dict[str, Any]:
    x, y = place
    return {
        "key": node.key,
        "location": node.location,
        "group": node.group,
        "kinds": node.asset.kinds,
        "x": x,
        "y": y,
    }
