"""Automation conditions: a tree to show, and dagster's own serialization where the condition has one."""

from typing import Any

from dagster._serdes import serialize_value

from daggerboard_worker.bounds import clean_text, plain_json
from daggerboard_worker.manifest.interning import Interned, Json


def condition_ref(interned: Interned, condition: Any) -> str | None:
    if condition is None:
        return None
    known = interned.remembered(condition)
    if known is None:
        known = interned.remember(condition, interned.put(interned.conditions, condition_json(condition)))
    return known


def condition_json(condition: Any) -> Json:
    serdes = serialized(condition)
    snapshot = condition.get_snapshot()
    return {
        "label": plain_json(condition.get_label()),
        "tree": node_json(snapshot),
        "serializable": serdes is not None,
        "serdes": serdes,
    }


def serialized(condition: Any) -> str | None:
    """None for conditions of the user's own making: only their code can evaluate them."""
    if not condition.is_serializable:
        return None
    return str(serialize_value(condition))


def node_json(snapshot: Any) -> Json:
    node = snapshot.node_snapshot
    return {
        "class": node.class_name,
        "description": clean_text(node.description or ""),
        "label": plain_json(getattr(node, "label", None)),
        "name": plain_json(getattr(node, "name", None)),
        "operator": plain_json(getattr(node, "operator_type", None)),
        "unique_id": node.unique_id,
        "children": [node_json(child) for child in snapshot.children],
    }
