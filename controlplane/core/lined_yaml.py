"""YAML with the line of every value, so that what is wrong in a file can be said at its place."""

from collections.abc import Mapping
from typing import Any

import yaml

Place = tuple[str | int, ...]
Lines = Mapping[Place, int]
# Aliases can make a small file large: what it stands for is counted, not what is written.
_MAX_NODES = 20_000
_MAX_DEPTH = 40


class _BoundedLoader(yaml.SafeLoader):
    """Stops at the first node too many: a small text can be half a million of them."""

    composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.composed += 1
        # A mapping's values have keys, which are nodes of their own.
        if self.composed > 2 * _MAX_NODES:
            line = self.line + 1
            raise LinedYamlError("The file stands for too many values, or they lie too deep.", line=line)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


class LinedYamlError(Exception):
    """The text is no YAML document that is taken here; `line` counts from 1."""

    def __init__(self, message: str, *, line: int | None = None, place: Place = ()) -> None:
        self.message, self.line, self.place = message, line, place
        super().__init__(message)


def read_lined(text: str) -> tuple[Any, Lines]:
    """The value of one document and its lines; LinedYamlError for anything else, for keys that are there twice, and for texts made to
    exhaust their reader.
    """
    loader = _loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines: dict[Place, int] = {}
        _walk(node, (), lines)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"This is not YAML: {error.problem or error.context}."
        raise LinedYamlError(message, line=mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LinedYamlError(f"This is not YAML: {error}") from error
    finally:
        loader.dispose()


def _loader(text: str) -> _BoundedLoader:
    try:
        return _BoundedLoader(text)
    except yaml.reader.ReaderError as error:
        message = f"This is not YAML: the character {text[error.position]!a} must be escaped or left out."
        raise LinedYamlError(message, line=text.count("\n", 0, error.position) + 1) from error


def line_at(lines: Lines, place: Place) -> int | None:
    """The line of a place, or of the nearest one around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if len(lines) > _MAX_NODES or len(place) > _MAX_DEPTH:
        raise LinedYamlError("The file stands for too many values, or they lie too deep.", line=line)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*place, index), lines)
    elif isinstance(node, yaml.MappingNode):
        _walk_mapping(node, place, lines)


def _walk_mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise LinedYamlError("A key is text.", line=line, place=place)
        if key.value in seen:
            raise LinedYamlError(f"The key {key.value} is there twice.", line=line, place=place)
        seen.add(key.value)
        lines.setdefault((*place, key.value), line)
        _walk(value, (*place, key.value), lines)
