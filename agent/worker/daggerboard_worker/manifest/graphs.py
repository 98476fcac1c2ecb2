"""Ops and graphs: what a job or a graph-backed asset is made of."""

from typing import Any

from dagster import GraphDefinition

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.manifest.interning import Json


def ops_json(graph: GraphDefinition) -> list[Json]:
    """The nodes of a graph, nested graphs within them."""
    return [node_json(graph, node) for node in sorted(graph.nodes, key=lambda node: node.name)]


def node_json(graph: GraphDefinition, node: Any) -> Json:
    inputs = inputs_json(graph, node)
    definition = node.definition
    policy = getattr(node, "retry_policy", None) or getattr(definition, "retry_policy", None)
    return {
        "name": node.name,
        "definition": definition.name,
        "description": plain_json(definition.description),
        "deps": sorted({source["op"] for source in inputs}),
        "inputs": inputs,
        "outputs": [{"name": item.name, "dynamic": item.is_dynamic} for item in definition.output_defs],
        "tags": plain_json(node.tags),
        "pools": sorted(getattr(definition, "pools", None) or []),
        "max_retries": policy.max_retries if policy else 0,
        "ops": ops_json(definition) if isinstance(definition, GraphDefinition) else None,
    }


def inputs_json(graph: GraphDefinition, node: Any) -> list[Json]:
    upstream = graph.dependency_structure.input_to_upstream_outputs_for_node(node.name)
    found = [
        {"name": node_input.input_name, "op": output.node_name, "output": output.output_def.name}
        for node_input, outputs in upstream.items()
        for output in outputs
    ]
    return sorted(found, key=lambda source: (source["name"], source["op"], source["output"]))
