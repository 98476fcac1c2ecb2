"""Code locations: loaded, reported, uploaded once, replaced blue over green, reloaded, let go."""

import contextlib

import psutil

from agent.protocol import Reload, Target
from tests.agent.conftest import ended, loaded, location, script
from tests.waiting import eventually


def workers(agent):
    found = []
    for child in psutil.Process(agent.process.pid).children():
        with contextlib.suppress(psutil.Error):
            found += [child.pid] if "serve" in child.cmdline() else []
    return found


def test_definitions_are_uploaded_before_the_report_and_only_once(plane, agent):
    report = plane.reports[-1]
    assert set(plane.definitions) == {report.manifest.sha256, report.snapshot.sha256}
    uploads = plane.requests["definitions"]

    plane.serve(location("v2"))
    loaded(plane, "v2")

    assert plane.requests["definitions"] == uploads + 1  # one question, no upload


def test_new_version_is_loaded_beside_the_old_one_which_serves_until_then(plane, agent, tmp_path):
    go = tmp_path / "go"
    plane.serve(location("v2", f"waits-for:{go}"))
    eventually(lambda: [one.version_id for one in plane.reports], lambda ids: "v2" in ids)

    assert ended(plane.launch("v1"))["reason"] == "finished"
    assert plane.reports[-1].version_id == "v2"
    go.touch()
    loaded(plane, "v2")
    loaded(plane, "v1", "unloaded")
    assert ended(plane.launch("v2"))["reason"] == "finished"


def test_old_version_goes_on_serving_when_the_new_one_does_not_load(plane, agent):
    plane.serve(location("v2", "fails"))
    report = loaded(plane, "v2", "failed")

    assert report.error.message == "no module named nonsense"
    assert ended(plane.launch("v1"))["reason"] == "finished"


def test_location_that_is_not_wanted_any_more_is_unloaded_after_its_runs(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(go)), ("exit", 7)))
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)
    plane.serve()
    eventually(lambda: agent.logged("location.unloading"), bool)
    assert len(workers(agent)) == 1
    go.touch()

    assert ended(attempt)["exit_code"] == 7
    loaded(plane, "v1", "unloaded")
    eventually(lambda: workers(agent), lambda left: left == [])


def test_reload_takes_a_new_worker_and_answers(plane, agent):
    old = workers(agent)
    plane.send(Reload(command_id="reload-1", version_id="v1"))

    result = eventually(lambda: plane.results.get("reload-1"), bool)

    assert result.result["mode"] == "warm"
    eventually(lambda: workers(agent), lambda new: len(new) == 1 and new != old)


def test_reload_that_fails_answers_the_error_and_keeps_the_old_worker(plane, new_agent, tmp_path):
    broken = tmp_path / "broken"
    plane.serve(location("v1", f"fails-if:{broken}"))
    new_agent().start()
    loaded(plane, "v1")
    broken.touch()

    plane.send(Reload(command_id="reload-1", version_id="v1"))

    assert eventually(lambda: plane.results.get("reload-1"), bool).error.message == "no module named nonsense"
    assert ended(plane.launch("v1"))["reason"] == "finished"
    told = eventually(lambda: loaded(plane, "v1").error, bool)
    assert told.message == "no module named nonsense"
    broken.unlink()
    plane.send(Reload(command_id="reload-2", version_id="v1"))
    assert eventually(lambda: plane.results.get("reload-2"), bool).error is None
    loaded(plane, "v1")


def test_changed_variables_of_a_version_reach_the_next_run(plane, agent, tmp_path):
    plane.serve(location("v1", env={"COLOUR": "blue"}))
    reports = len(plane.reports)
    eventually(lambda: len(plane.reports), lambda count: count > reports)
    seen = tmp_path / "environment"

    ended(plane.launch("v1", run_config=script(("tell_env", str(seen)), "success")))

    assert "COLOUR=blue" in seen.read_text().splitlines()


def test_worker_that_dies_while_loading_is_reported_with_its_last_words(plane, new_agent):
    plane.serve(location("v1", "dies"))
    new_agent().start()

    report = loaded(plane, "v1", "failed")

    assert "died 3 times" in report.error.message
    assert "segmentation fault, say" in report.error.message


def test_missing_interpreter_and_folder_are_named(plane, new_agent):
    python = Target(executable_path="/nowhere/bin/python")
    folder = Target(working_directory="/nowhere/project")
    plane.serve(location("v1", target=python), location("v2", name="other", target=folder))
    new_agent().start()

    assert "/nowhere/bin/python" in loaded(plane, "v1", "failed").error.message
    assert "/nowhere/project does not exist" in loaded(plane, "v2", "failed").error.message


def test_code_that_never_finishes_loading_is_stopped(plane, new_agent):
    plane.serve(location("v1", "slow:60"))
    agent = new_agent(load_timeout=0.5).start()

    report = loaded(plane, "v1", "failed")

    assert "did not finish loading" in report.error.message
    eventually(lambda: workers(agent), lambda left: left == [])
