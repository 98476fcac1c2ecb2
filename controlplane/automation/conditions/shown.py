"""What somebody may read of an evaluation: assets that they do not see have no names in it."""

from collections.abc import Collection
from typing import Any

from controlplane.definitions.asset_keys import entity_asset

# For the name of an asset that is not shown.
HIDDEN = "an asset that you may not see"
# Dagster's nodes whose own name is the key of another asset, or several.
_NAMED_BY_KEYS = frozenset({"EntityMatchesCondition", "DownstreamConditionWrapperCondition"})


def shown_tree(tree: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """The tree for who sees these assets: what was asked of others is said without them."""
    if entity_asset(tree["entity"]) not in keys:
        return {**tree, "name": HIDDEN, "label": "", "description": "", "entity": "", "children": []}
    children = [shown_tree(child, keys) for child in tree["children"]]
    hides = any(child["name"] == HIDDEN for child in children)
    if tree["class"] in _NAMED_BY_KEYS and (hides or not _are_shown(tree["name"], keys)):
        return {**tree, "name": HIDDEN, "label": "", "description": "", "children": []}
    return {**tree, "children": children}


def _are_shown(name: str, keys: Collection[str]) -> bool:
    return all(part in keys or _asset_of(part) in keys for part in name.split(", "))


def _asset_of(entity: str) -> str:
    """The asset of a check's key; any other key itself."""
    return entity.rpartition(":")[0] or entity
