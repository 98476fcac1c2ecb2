"""What stands behind the ids in a manifest, as plain values: two manifests may name the same partitions by different ids. Pure."""

from typing import Any

import msgspec

from controlplane.definitions.manifest import Condition, ConfigField, ConfigType, Job, Manifest

Shape = tuple[Any, ...]
# Field of a job's config with one entry for each op, which follows from what the job selects; the one of resources, which are
# compared by themselves and would make every job a changed one.
_OF_OPS = "ops"
_OF_RESOURCES = "resources"
# Of a node of a condition; its unique id is a hash that depends on dagster's version.
_OF_CONDITION = ("class", "description", "label", "name", "operator")


def partitions(manifest: Manifest, name: str | None) -> dict[str, Any] | None:
    """A partitions definition with its dimensions written out; None for none, the bare id for one that the manifest lacks."""
    if name is None:
        return None
    found = manifest.partitions_definitions.get(name)
    if found is None:
        return {"kind": "unknown", "id": name}
    content = {field: value for field, value in msgspec.to_builtins(found).items() if value not in (None, [], 0)}
    if found.dimensions:
        content["dimensions"] = {part.name: partitions(manifest, part.partitions) for part in found.dimensions}
    return content


def condition(manifest: Manifest, name: str | None) -> dict[str, Any] | None:
    """An automation condition: its label and its tree, without what only names nodes."""
    if name is None:
        return None
    found = manifest.conditions.get(name)
    if found is None:
        return {"id": name}
    return {
        "label": found.label,
        "tree": _node(found.tree) if found.tree else {},
        "form": None if found.tree else found.serdes,
    }


def exact_condition(manifest: Manifest, name: str | None) -> str | None:
    """Dagster's own serialization of a condition, for manifests that the same dagster wrote."""
    found: Condition | None = manifest.conditions.get(name) if name else None
    return found.serdes if found else None


def _node(tree: dict[str, Any]) -> dict[str, Any]:
    children = [_node(child) for child in tree.get("children") or []]
    return {**{name: tree.get(name) for name in _OF_CONDITION}, "children": children}


class ConfigComparison:
    """Whether config types of two manifests accept the same; remembers every pair it looked at."""

    def __init__(self, before: Manifest, after: Manifest) -> None:
        self._before, self._after = before.config_types, after.config_types
        # True while a pair is being looked at: a type inside itself is no difference.
        self._alike: dict[tuple[str, str], bool] = {}

    def of_jobs(self, before: Job, after: Job) -> bool:
        """Whether two jobs take the same config, but for resources, and ops that only one of them selects."""
        if before.config is None or after.config is None:
            return before.config == after.config
        first, second = self._before.get(before.config), self._after.get(after.config)
        if first is None or second is None or not (first.fields and second.fields):
            return self.alike(before.config, after.config)
        left, right = _by_name(first), _by_name(second)
        rest = (left | right).keys() - {_OF_OPS, _OF_RESOURCES}
        same = all(self._fields_alike(left.get(name), right.get(name)) for name in rest)
        return same and self._ops_alike(left.get(_OF_OPS), right.get(_OF_OPS))

    def _ops_alike(self, before: ConfigField | None, after: ConfigField | None) -> bool:
        if before is None or after is None:
            return True
        left, right = _by_name(self._before.get(before.type)), _by_name(self._after.get(after.type))
        return all(self._fields_alike(left[name], right[name]) for name in left.keys() & right.keys())

    def alike(self, before: str, after: str) -> bool:
        """Whether two types, by their ids, accept the same values."""
        pair = (before, after)
        if pair not in self._alike:
            self._alike[pair] = True
            self._alike[pair] = self._types_alike(self._before.get(before), self._after.get(after), pair)
        return self._alike[pair]

    def _types_alike(self, before: ConfigType | None, after: ConfigType | None, names: tuple[str, str]) -> bool:
        if before is None or after is None:
            # Dagster's builtin scalars are named, not written.
            return before is after and names[0] == names[1]
        if (before.kind, before.scalar, before.enum) != (after.kind, after.scalar, after.enum):
            return False
        left, right = before.type_params or [], after.type_params or []
        if len(left) != len(right) or not all(self.alike(one, other) for one, other in zip(left, right, strict=True)):
            return False
        fields, others = _by_name(before), _by_name(after)
        return all(self._fields_alike(fields.get(name), others.get(name)) for name in fields | others)

    def _fields_alike(self, before: ConfigField | None, after: ConfigField | None) -> bool:
        if before is None or after is None:
            return before is after
        stated = (before.required, before.default) == (after.required, after.default)
        return stated and self.alike(before.type, after.type)


def _by_name(config_type: ConfigType | None) -> dict[str, ConfigField]:
    return {field.name: field for field in (config_type.fields or [])} if config_type else {}
