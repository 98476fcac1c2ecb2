"""Our topological sort gives the levels that the `toposort` package gives."""

import importlib.util
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.fake_agent import WORKER

GRAPHS = st.dictionaries(st.integers(0, 12), st.frozensets(st.integers(0, 12), max_size=4), max_size=12)


def fresh_toposort() -> ModuleType:
    """The package itself, whatever may have been installed over it in this process."""
    spec = importlib.util.find_spec("toposort")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def worker_path() -> None:
    sys.path.insert(0, str(WORKER))


@given(graph=GRAPHS)
@pytest.mark.usefixtures("worker_path")
def test_levels_any_graph_equal_the_package(graph: dict[int, frozenset[int]]) -> None:
    from daggerboard_worker.linear_toposort import levels

    package = fresh_toposort()

    def outcome(function) -> object:
        found = []
        try:
            found.extend(function(graph))
        except ValueError as error:
            return found, error.data
        return found, None

    assert outcome(levels) == outcome(package.toposort)
