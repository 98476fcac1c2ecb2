"""Who may import whom, where the contracts of pyproject.toml (`lint-imports`) cannot say it: the code worker's own."""

import sys

import pytest

from tests.architecture.source import imports_of, name_of, python_files

WORKER = "agent/worker/daggerboard_worker"
# Dagster, and what it cannot be installed without.
OF_DAGSTER = {"dagster", "dagster_shared", "tomli", "toposort"}


@pytest.mark.parametrize("path", list(python_files(WORKER)), ids=name_of)
def test_code_worker_imports_the_standard_library_and_dagster_only(path):
    assert imports_of(path) - sys.stdlib_module_names - OF_DAGSTER == {"daggerboard_worker"} & imports_of(path)
