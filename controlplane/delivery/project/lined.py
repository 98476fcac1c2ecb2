"""YAML and TOML with the line of every value, and a reader that is strict about names and types and collects what is wrong."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.core.lined_yaml import LinedYamlError, Place, line_at, read_lined
from controlplane.delivery.project.problems import Problem, ProjectError, refuse, unknown_key

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


@dataclass(frozen=True)
class Lined:
    """A file's value, and the line of each place in it."""

    path: str
    value: Any
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest one around it."""
        return line_at(self.lines, place)


def key_text(place: Place) -> str:
    """`locations[0].build.directory`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def read_yaml(text: str, path: str) -> Lined:
    """One YAML document; ProjectError for anything else, for keys that are there twice, and for files made to exhaust their reader."""
    try:
        return Lined(path, *read_lined(text))
    except LinedYamlError as error:
        raise refuse(error.message, path=path, line=error.line, key=key_text(error.place)) from error


def read_toml(text: str, path: str) -> Lined:
    """A TOML file. Lines are found by the headers and assignments it is written in."""
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        raise refuse(f"This is not TOML: {error}", path=path, line=int(found[1]) if found else None) from error
    return Lined(path, value, _toml_lines(text))


def _toml_lines(text: str) -> dict[Place, int]:
    lines: dict[Place, int] = {}
    table: Place = ()
    tables: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _toml_key(header[1])
            if line.lstrip().startswith("[["):
                tables[table] = tables.get(table, -1) + 1
                table = (*table, tables[table])
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_toml_key(assignment[1])), number)
    return lines


def _toml_key(text: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


class Strict:
    """Takes a file apart. What is wrong is collected; `done` raises it together."""

    def __init__(self, source: Lined) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def wrong(self, message: str, place: Place) -> None:
        """Note a problem at a place."""
        line = self.source.line(place)
        self.problems.append(Problem(message, path=self.source.path, line=line, key=key_text(place)))

    def done(self) -> None:
        """ProjectError with everything that was wrong, if anything was."""
        if self.problems:
            raise ProjectError(self.problems)

    def mapping(self, value: Any, place: Place, known: Sequence[str]) -> dict[str, Any]:
        """A mapping of these keys; nothing is an empty one."""
        found = self.free_mapping(value, place)
        for key in found:
            if key not in known:
                self.wrong(unknown_key(key, known), (*place, key))
        return {key: item for key, item in found.items() if key in known and item is not None}

    def free_mapping(self, value: Any, place: Place) -> dict[str, Any]:
        """A mapping of any keys that are text."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(f"This is a mapping of keys to values, not {_kind(value)}.", place)
            return {}
        for key in value:
            if not isinstance(key, str):
                self.wrong(f"The key {key!r} is not text. Put it in quotes.", place)
        return {key: item for key, item in value.items() if isinstance(key, str)}

    def sequence(self, value: Any, place: Place) -> list[Any]:
        """A list; nothing is an empty one."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(f"This is a list, not {_kind(value)}.", place)
            return []
        return value

    def text(self, value: Any, place: Place) -> str | None:
        """A text that says something; nothing is None."""
        if value is None:
            return None
        if not isinstance(value, str):
            advice = "Write one text" if isinstance(value, list | dict) else "Put it in quotes"
            self.wrong(f"This is text, not {_kind(value)}. {advice}.", place)
            return None
        if not value.strip() or "\0" in value:
            self.wrong("This is empty. Give it a value, or leave the key out.", place)
            return None
        return value


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)
