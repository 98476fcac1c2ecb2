"""The asset graph of what a branch changes: what differs, what is affected, and what stands right above it; what is gone included. Pure."""

from collections.abc import Container

from controlplane.definitions.graph import AssetGraph
from controlplane.deployments.branch_changes import BranchChanges

# Beyond this a graph is no picture of a change; the list beside it shows all.
_MOST = 1500


def changed_graph(changes: BranchChanges) -> AssetGraph:
    """Only what the caller may know of is in it, as in the changes themselves."""
    named = changes.comparison.assets.keys() | {one.key for one in changes.comparison.affected}
    graph = _merged(changes, named)
    near = {up for key in named for up in graph.upstream.get(key, ())}
    shown = [key for key in graph.order if key in named or key in near][:_MOST]
    return AssetGraph({key: graph.nodes[key] for key in shown})


def _merged(changes: BranchChanges, named: Container[str]) -> AssetGraph:
    """The branch's graph, and of the base what the branch has no more."""
    gone = {key: node for key, node in changes.before.graph.nodes.items() if key in named}
    return AssetGraph({**gone, **changes.after.graph.nodes})
