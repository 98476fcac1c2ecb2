"""dagster_cloud.yaml: strict, templated, with defaults under each location."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from controlplane.delivery.project.document import (
    DEFAULTS_KEYS,
    LOCATION_KEYS,
    LocationDocument,
    read_location,
)
from controlplane.delivery.project.lined import Strict, read_yaml
from controlplane.delivery.project.merging import merge
from controlplane.delivery.project.problems import Problem
from controlplane.delivery.project.templating import render

FILE_NAME = "dagster_cloud.yaml"


def read_cloud_yaml(
    text: str, path: str, *, folder: str, values: Mapping[str, Any], environment: Mapping[str, str]
) -> list[LocationDocument]:
    """Every location of the file, in its order; ProjectError says all that is wrong. `folder` holds the file, below the root."""
    rendered = render(text, path, values=values, environment=environment)
    strict = Strict(read_yaml(rendered, path))
    whole = strict.mapping(strict.source.value, (), ("defaults", "locations"))
    defaults = strict.mapping(whole.get("defaults"), ("defaults",), DEFAULTS_KEYS)
    if defaults:
        # Checked on its own, so that a mistake is told once and at its line.
        read_location(strict, {"location_name": "defaults", **defaults}, ("defaults",), folder=folder)
    found = [
        _location(strict, item, index, defaults, folder)
        for index, item in enumerate(strict.sequence(whole.get("locations"), ("locations",)))
    ]
    if not found and not strict.problems:
        strict.wrong("There is no code location in it. Write a list `locations`.", ("locations",))
    _refuse_twins(strict, found)
    if rendered.count("\n") != text.count("\n"):
        strict.problems = [_after_templating(problem) for problem in strict.problems]
    strict.done()
    return found


def _location(strict: Strict, item: Any, index: int, defaults: Mapping[str, Any], folder: str) -> LocationDocument:
    place = ("locations", index)
    own = strict.mapping(item, place, LOCATION_KEYS)
    before = len(strict.problems)
    document = read_location(strict, own, place, folder=folder)
    if not defaults or len(strict.problems) > before:
        return document
    merged = {**merge({key: value for key, value in defaults.items() if value is not None}, own)}
    return read_location(strict, merged, place, folder=folder)


def _refuse_twins(strict: Strict, found: list[LocationDocument]) -> None:
    names = Counter(document.name for document in found if document.name)
    for index, document in enumerate(found):
        if names[document.name] > 1:
            strict.wrong(f"Another code location is called {document.name} too.", ("locations", index, "location_name"))


def _after_templating(problem: Problem) -> Problem:
    message = f"{problem.message} (The line is that of the file after templating.)"
    return Problem(message, path=problem.path, line=problem.line, key=problem.key)
