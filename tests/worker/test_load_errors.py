"""What fails on load arrives as the user's own traceback."""

import venv
from pathlib import Path

import pytest

from tests.worker.conftest import StartWorker
from tests.worker.fake_agent import FakeAgent, Json, project

OURS = ("daggerboard_worker", "importlib", "_grpc/utils.py", "code_pointer.py")


def load_error(start_worker: StartWorker, module: str, *options: str) -> Json:
    worker = start_worker("crashing", *options, module_name=module)
    message = worker.wait_message("load_failed")
    assert worker.process.wait(100) == 1
    return message["error"]


def test_load_exception_has_the_users_frames_only(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "raises")

    assert (error["cls"], error["message"]) == ("KeyError", "KeyError: 'no such key'\n")
    assert len(error["stack"]) == 2
    assert "raises.py" in error["stack"][0]
    assert not any(name in frame for frame in error["stack"] for name in OURS)


def test_load_missing_import_names_the_users_line(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "missing")

    assert error["cls"] == "ModuleNotFoundError"
    assert "import no_such_library_anywhere" in error["stack"][-1]


def test_load_syntax_error_shows_the_line(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "syntax")

    assert error["cls"] == "SyntaxError"
    assert "def broken(:" in error["message"]


def test_load_of_nothing_keeps_dagsters_explanation(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "empty")

    assert error["cls"] == "DagsterInvariantViolationError"
    assert "No Definitions, RepositoryDefinition, Job" in error["message"]


def test_load_of_an_unknown_module_says_which(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "not_there_at_all")

    assert "not_there_at_all" in error["message"]


def test_load_misuse_of_dagster_shows_the_users_line_first(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "misuse")

    assert error["cls"] == "DagsterInvalidDefinitionError"
    assert "misuse.py" in error["stack"][0]


def test_load_that_exits_is_an_error_not_an_exit(start_worker: StartWorker) -> None:
    error = load_error(start_worker, "exits")

    assert (error["cls"], error["message"]) == ("SystemExit", "SystemExit: not today\n")


@pytest.mark.parametrize("module", ["dies"])
def test_load_that_dies_is_reported_by_the_lukewarm_parent(start_worker: StartWorker, module: str) -> None:
    error = load_error(start_worker, module, "--mode", "lukewarm")

    assert "killed by signal 9" in error["message"]


def test_load_without_the_working_directory_says_so(agent: FakeAgent) -> None:
    location = {"name": "gone", "working_directory": "/no/such/folder", "module_name": "x"}

    code, found = agent.inspect(location, cwd="/")

    assert code == 1
    assert "/no/such/folder of the code location 'gone' does not exist" in found["error"]["message"]


def test_load_in_an_interpreter_without_dagster_says_so(agent: FakeAgent, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    agent.interpreter = str(tmp_path / "bare" / "bin" / "python")

    worker = agent.start(project("simple", module_name="assets_only"))

    error = worker.wait_message("load_failed")["error"]
    assert "There is no dagster in" in error["message"]
    assert error["cls"] == "LocationError"
