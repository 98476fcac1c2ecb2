"""What people see of a deployment goes through `Visible` (controlplane/deployments/visibility.py): no view reads around it."""

import ast
import re

import pytest

from tests.architecture.source import ROOT, name_of, python_files, tree_of

# Where requests of people are answered. Agents and user code (dispatch/views.py, runs/instance_*.py) ask for themselves.
_VIEWS = re.compile(r"/(ui/.*|(\w+_)?api|http|stream)\.py$")
# What gives everything, by module: the unfiltered selectors, and services that ask nobody.
UNFILTERED = {
    "controlplane.deployments.selectors": {"definitions", "code_locations", "location", "versions", "versions_by_id"},
    "controlplane.deployments.visibility": {"all_of"},
    "controlplane.runs.services": {"request_run", "reexecute_run", "cancel_run"},
    "controlplane.runs.targets": {"find_target"},
    "controlplane.runs.job_runs": {"_latest_of_all"},
    "controlplane.definitions.selectors": {"manifest", "file_content"},
    "controlplane.definitions.graph": {"AssetGraph"},
}
# Agents' names of versions, which agent_lines.py shows after fleet.selectors.as_seen has taken the hidden ones out.
EXCEPTIONS = {("controlplane/ui/agent_lines.py", "versions_by_id")}
# Rows of what is in a deployment: views ask selectors for them, never the tables.
_TABLES = {
    "Run",
    "RunEvent",
    "Step",
    "AssetEvent",
    "AssetState",
    "PartitionState",
    "CheckState",
    "CheckEvaluation",
    "StepUsage",
    "AssetUsage",
    "CodeLocation",
    "LocationVersion",
}
VIEWS = [path for path in python_files("controlplane") if _VIEWS.search(name_of(path))]


def unfiltered_in(tree: ast.Module) -> set[str]:
    """Names of unfiltered functions that a module uses, imported by themselves or through their module."""
    modules: dict[str, set[str]] = {}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in UNFILTERED.get(str(node.module), ()):
                    found.add(alias.name)
                names = UNFILTERED.get(f"{node.module}.{alias.name}")
                if names:
                    modules[alias.asname or alias.name] = names
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} & modules.get(node.value.id, set())
    return found


def tables_in(tree: ast.Module) -> set[str]:
    return {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "objects" and isinstance(node.value, ast.Name)
    } & _TABLES


def test_there_are_views():
    assert {"controlplane/runs/api.py", "controlplane/runs/stream.py", "controlplane/ui/pages/run.py"} <= set(
        map(name_of, VIEWS)
    )


@pytest.mark.parametrize("path", VIEWS, ids=name_of)
def test_view_reads_nothing_unfiltered(path):
    tree = tree_of(path)

    assert {name for name in unfiltered_in(tree) if (name_of(path), name) not in EXCEPTIONS} == set()
    assert tables_in(tree) == set()


def test_names_are_of_things_that_exist():
    """A renamed selector would be forgotten here."""
    for module, names in UNFILTERED.items():
        text = (ROOT / (module.replace(".", "/") + ".py")).read_text()
        assert {name for name in names if not re.search(rf"^(def|class) {name}\b", text, re.MULTILINE)} == set(), module


def test_reading_around_it_is_seen():
    text = """
from controlplane.deployments import selectors as d
from controlplane.runs.services import cancel_run
d.definitions(1, 2)
Run.objects
"""
    tree = ast.parse(text)

    assert (unfiltered_in(tree), tables_in(tree)) == ({"definitions", "cancel_run"}, {"Run"})
