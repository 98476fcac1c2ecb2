"""Parts that many definitions share (partitions, conditions, config types) are written once and named by their content."""

from typing import Any

from daggerboard_worker.canonical import fingerprint

Json = dict[str, Any]


class Interned:
    """Content-addressed tables of the manifest."""

    def __init__(self) -> None:
        self.partitions_definitions: dict[str, Json] = {}
        self.conditions: dict[str, Json] = {}
        self.config_types: dict[str, Json] = {}
        # By object, for this one build: definitions share their partitions and conditions as objects.
        self.names: dict[int, tuple[object, str]] = {}

    def put(self, table: dict[str, Json], content: Json) -> str:
        name = fingerprint(content)
        table[name] = content
        return name

    def remembered(self, definition: object) -> str | None:
        known = self.names.get(id(definition))
        return known[1] if known else None

    def remember(self, definition: object, name: str) -> str:
        self.names[id(definition)] = (definition, name)
        return name
