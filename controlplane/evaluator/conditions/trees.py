"""What came of a condition as people read it: a tree of its parts, each TRUE, FALSE or SKIPPED, with counts of partitions. Plain JSON."""

from typing import Any

from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.definitions.declarative_automation.serialized_objects import AutomationConditionEvaluation

from controlplane.evaluator.entities import entity_of

# A tree of more is cut, and says so: AnyDownstreamConditions of a wide graph repeats the conditions of everything below.
NODES_MAX = 2_000
_TEXT_MAX = 500


def tree(evaluation: AutomationConditionEvaluation[Any]) -> dict[str, Any]:
    """The root node: {"class", "name", "description", "label", "entity", "status", "true", "candidates", "children", "cut"?}."""
    return _node(evaluation, _Budget(NODES_MAX))


class _Budget:
    """How many nodes may still be written."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0


def _node(evaluation: AutomationConditionEvaluation[Any], budget: _Budget) -> dict[str, Any]:
    snapshot = evaluation.condition_snapshot
    true, candidates = evaluation.true_subset, evaluation.candidate_subset
    # Dagster writes that all partitions were asked about, and not which they were.
    asked = candidates.size if isinstance(candidates, SerializableEntitySubset) else None
    node = {
        "class": snapshot.class_name[:_TEXT_MAX],
        "name": (snapshot.name or "")[:_TEXT_MAX],
        "description": (snapshot.description or "")[:_TEXT_MAX],
        "label": (snapshot.label or "")[:_TEXT_MAX],
        "entity": entity_of(true.key),
        "status": "SKIPPED" if asked == 0 else "TRUE" if true.size else "FALSE",
        "true": true.size,
        "candidates": asked,
    }
    children = [_node(child, budget) for child in evaluation.child_evaluations if budget.take()]
    is_cut = len(children) < len(evaluation.child_evaluations)
    return {**node, "children": children, **({"cut": True} if is_cut else {})}
