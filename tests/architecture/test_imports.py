"""Who may import whom: the contracts of pyproject.toml, and the code worker's own."""

import ast
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT, imports_of, name_of, python_files, tree_of

WORKER = "agent/worker/daggerboard_worker"
# Dagster, and what it cannot be installed without.
OF_DAGSTER = {"dagster", "dagster_shared", "tomli", "toposort"}


def test_import_contracts_hold():
    lint = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", list(python_files(WORKER)), ids=name_of)
def test_code_worker_imports_the_standard_library_and_dagster_only(path):
    assert imports_of(path) - sys.stdlib_module_names - OF_DAGSTER == {"daggerboard_worker"} & imports_of(path)


@pytest.mark.parametrize("path", list(python_files("tenants", "controlplane", "agent")), ids=name_of)
def test_imports_are_absolute(path):
    assert [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) and node.level] == []
