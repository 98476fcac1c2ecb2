"""The lineage of what a branch changes, as the element draws it."""

from typing import Any

from controlplane.deployments.branch_changes import BranchChanges
from controlplane.deployments.branch_graph import changed_graph
from controlplane.ui.change_lines import WORDS


def change_graph(changes: BranchChanges) -> dict[str, Any]:
    """As the API's asset graph, with what happened to each node and the word for it."""
    words, graph = _words(changes), changed_graph(changes)
    position = {key: number for number, key in enumerate(graph.order)}
    return {
        "nodes": [
            {
                "key": key,
                "location": graph.nodes[key].location,
                "group": graph.nodes[key].group,
                "kinds": graph.nodes[key].asset.kinds,
                "x": graph.layout.places[key][0],
                "y": graph.layout.places[key][1],
                "change": words.get(key),
            }
            for key in graph.order
        ],
        "edges": [[position[up], position[key]] for key in graph.order for up in graph.upstream[key]],
    }


def _words(changes: BranchChanges) -> dict[str, tuple[str, str]]:
    """What happened to an asset and the word for it, by key: added, changed, removed, affected."""
    found = {one.key: "affected" for one in changes.comparison.affected}
    found |= {key: difference.change.value for key, difference in changes.comparison.assets.items()}
    return {key: (status, WORDS[status]) for key, status in found.items()}
