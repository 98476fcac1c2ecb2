"""The asset graph as the bytes that are sent: made once per set of definitions, because it depends on nothing else."""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import msgspec

from controlplane.deployments.current_definitions import DeploymentDefinitions

# A graph of 5,000 assets takes about one megabyte, and a tenth of that compressed.
_KEPT = 32
_documents: "OrderedDict[Hashable, GraphDocument]" = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class GraphDocument:
    """The graph's JSON, plain and compressed, and the tag by which a client knows whether it has it already."""

    etag: str
    json: bytes
    gzipped: bytes


def graph_document(definitions: DeploymentDefinitions) -> GraphDocument:
    """The document of these definitions; the same object while no code location changes."""
    fingerprint = definitions.fingerprint
    with _lock:
        if fingerprint in _documents:
            _documents.move_to_end(fingerprint)
            return _documents[fingerprint]
    content = msgspec.json.encode(_document(definitions))
    # SECURITY: a tag of the content: one of the definitions would change with what the caller may not see.
    made = GraphDocument(
        etag=hashlib.sha256(content).hexdigest()[:32],
        json=content,
        gzipped=gzip.compress(content, compresslevel=5, mtime=0),
    )
    with _lock:
        _documents[fingerprint] = made
        while len(_documents) > _KEPT:
            _documents.popitem(last=False)
    return made


def _document(definitions: DeploymentDefinitions) -> dict[str, Any]:
    graph = definitions.graph
    position = {key: number for number, key in enumerate(graph.order)}
    return {
        "nodes": [_node(definitions, key) for key in graph.order],
        "edges": [[position[up], position[key]] for key in graph.order for up in graph.upstream[key]],
        "layers": graph.layout.layers,
        "rows": graph.layout.rows,
    }


def _node(definitions: DeploymentDefinitions, key: str) -> dict[str, Any]:
    node = definitions.graph.nodes[key]
    x, y = definitions.graph.layout.places[key]
    return {
        "key": key,
        "location": node.location,
        "group": node.group,
        "kinds": node.asset.kinds,
        "is_executable": node.asset.is_executable,
        "is_partitioned": node.asset.partitions is not None,
        "checks": len(definitions.checks_by_asset.get(key, ())),
        "x": x,
        "y": y,
    }
