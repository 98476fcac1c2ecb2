"""Runs through the real system, from the REST API to forked user code and back."""

import os
import signal
from pathlib import Path

from tests.installation import Installation
from tests.waiting import eventually


def events_of(daggerboard: Installation, run_id: str, **filters: object) -> list[dict]:
    with daggerboard.client as client:
        return list(client.pages(f"runs/{run_id}/events/", limit=500, **filters))


def test_a_run_succeeds_and_its_asset_is_materialized(daggerboard: Installation) -> None:
    run_id = daggerboard.launch(assets=["quick"])

    run = daggerboard.wait_status(run_id)

    assert run["status"] == "SUCCESS"
    with daggerboard.client as client:
        assert [m["run_id"] for m in client.pages("materializations/", run=run_id)] == [run_id]


def test_events_are_numbered_without_a_gap(daggerboard: Installation) -> None:
    run_id = daggerboard.launch(assets=["chatty"], run_config={"ops": {"chatty": {"config": {"lines": 300}}}})
    daggerboard.wait_status(run_id)

    eventually(lambda: events_of(daggerboard, run_id)[-1]["type"], lambda last: last == "AGENT_EXITED")

    events = events_of(daggerboard, run_id)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    lines = [e["message"] for e in events if e["type"] == "LOG"]
    assert [line for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(300)]


def test_a_failure_keeps_the_users_traceback_and_its_cause(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(assets=["failing"]))

    assert run["status"] == "FAILURE"
    failure = next(e for e in events_of(daggerboard, run["id"]) if e["type"] == "STEP_FAILURE")
    text = str(failure["error"])
    assert "this asset always fails" in text
    assert "no such key" in text


def test_a_killed_process_ends_the_run_with_its_signal(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(assets=["killed"]))

    assert run["status"] == "FAILURE"
    assert "SIGKILL" in run["failure_message"] or "signal 9" in run["failure_message"]


def test_cancel_ends_a_running_run(daggerboard: Installation) -> None:
    run_id = daggerboard.launch(assets=["slow"])
    daggerboard.wait_status(run_id, "STARTED")

    with daggerboard.client as client:
        client.post(f"runs/{run_id}/cancel/")

    assert daggerboard.wait_status(run_id)["status"] == "CANCELED"


def test_a_failed_run_is_reexecuted(daggerboard: Installation) -> None:
    failed = daggerboard.wait_status(daggerboard.launch(assets=["failing"]))

    with daggerboard.client as client:
        again = client.post(f"runs/{failed['id']}/re-execute/", {"strategy": "from_failure"})

    assert again["parent_run_id"] == failed["id"]
    assert daggerboard.wait_status(again["id"])["status"] == "FAILURE"


def test_a_run_that_needs_more_memory_than_it_may_have_is_retried_with_more(daggerboard: Installation) -> None:
    tags = {"daggerboard/memory": "512Mi", "dagster/max_retries": "1"}
    failed = daggerboard.wait_status(daggerboard.launch(assets=["hungry"], tags=tags))

    assert (failed["status"], failed["failure_code"]) == ("FAILURE", "out_of_memory")
    failure = next(e for e in events_of(daggerboard, failed["id"]) if e["type"] == "STEP_FAILURE")
    assert "MemoryError" in str(failure["error"])
    failed = eventually(lambda: daggerboard.run(failed["id"]), lambda run: run["retry_run_id"])
    assert "with 1024Mi of memory instead of 512Mi" in failed["retry_message"]

    retry = daggerboard.wait_status(failed["retry_run_id"])

    assert (retry["status"], retry["parent_run_id"]) == ("SUCCESS", failed["id"])
    assert retry["tags"]["daggerboard/memory"] == "1024Mi"
    with daggerboard.client as client:
        assert [m["asset_key"] for m in client.pages("materializations/", run=retry["id"])] == ["hungry"]


def test_five_steps_run_in_a_process_each(daggerboard: Installation) -> None:
    run = daggerboard.wait_status(daggerboard.launch(job="five_steps"))

    assert run["status"] == "SUCCESS"
    with daggerboard.client as client:
        steps = list(client.pages(f"runs/{run['id']}/steps/"))
    assert {step["status"] for step in steps} == {"success"}
    assert len(steps) == 5
    assert all(step["wall_seconds"] is not None and step["peak_rss_bytes"] > 0 for step in steps)


def test_an_agent_that_dies_adopts_its_runs_again(daggerboard: Installation, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    config = {"ops": {"slow": {"config": {"seconds": 250, "until_file": str(enough)}}}}
    run_id = daggerboard.launch(assets=["slow"], run_config=config)
    daggerboard.wait_status(run_id, "STARTED")
    before = eventually(lambda: daggerboard.pid_of("agent"), bool)
    assert before

    os.kill(before, signal.SIGKILL)
    eventually(lambda: daggerboard.pid_of("agent"), lambda pid: pid not in {None, before})
    enough.touch()

    assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
    lines = [e["message"] for e in events_of(daggerboard, run_id) if e["message"].startswith("line ")]
    assert lines == [f"line {n}" for n in range(len(lines))]


def test_an_unknown_partition_is_refused_with_a_sentence(daggerboard: Installation) -> None:
    with daggerboard.client as client:
        answer = client._http.post(
            f"{client.profile.deployment_path}/runs/",
            json={"location": "acceptance", "assets": ["quick"], "partition": "2020-01-01"},
        )

    assert answer.status_code == 400
    assert "partition" in answer.json()["errors"][0]["detail"]
