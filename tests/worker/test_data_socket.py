"""The data socket: prompt, pipelined, and exactly once in effect, whatever happens to the agent."""

import time
from pathlib import Path

import pytest

from tests.worker.fake_agent import Run, Worker


@pytest.fixture
def worker(start_worker) -> Worker:
    return start_worker("shop", module_name="shop.definitions")


def ticks(run: Run) -> list[str]:
    return [event["message"] for event in run.events if event["message"].startswith("tick")]


def lines(run: Run) -> list[str]:
    return [event["message"] for event in run.events if event["message"].startswith("line")]


def talk(worker: Worker, count: int) -> Run:
    config = {"ops": {"talkative": {"config": {"lines": count}}}}
    return worker.start_run(asset_selection=["talkative"], run_config=config)


def test_log_line_arrives_while_user_code_is_busy(worker: Worker, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    config = {"ops": {"silent_sleeper": {"config": {"until_file": str(enough)}}}}
    run = worker.start_run(asset_selection=["silent_sleeper"], run_config=config)

    worker.data.wait(lambda: [e for e in run.events if e["message"] == "about to be silent"], "the line")

    assert run.status is None
    enough.touch()
    assert run.finish().status == "SUCCESS"


def test_log_lines_beyond_the_window_all_arrive_in_order(worker: Worker) -> None:
    run = talk(worker, 2000).finish()

    assert lines(run) == [f"line {number}" for number in range(2000)]


def test_lost_answers_store_nothing_twice(worker: Worker) -> None:
    counter = iter(range(10**9))
    worker.data.drop_answer = lambda request: request["op"] == "events" and next(counter) % 40 == 17

    run = talk(worker, 500).finish()

    assert lines(run) == [f"line {number}" for number in range(500)]
    assert worker.data.duplicates > 0
    assert run.status == "SUCCESS"


def test_agent_restart_during_a_run_loses_nothing(worker: Worker) -> None:
    run = worker.start_run(asset_selection=["slow"])
    worker.data.wait(lambda: len(ticks(run)) > 3, "some ticks")

    worker.data.stop()
    absent_since = time.monotonic()
    while time.monotonic() - absent_since < 0.7:
        time.sleep(0.05)
    worker.data.start()
    worker.data.wait(lambda: len(ticks(run)) > 25, "ticks after the restart")
    worker.cancel(run)
    run.finish()

    assert ticks(run) == [f"tick {number}" for number in range(len(ticks(run)))]
    assert run.status == "CANCELED"


def test_refusal_that_the_attempt_is_over_ends_the_process(worker: Worker) -> None:
    run = worker.start_run(asset_selection=["slow"])
    run.wait_for("STEP_START")

    worker.data.refuse = {"code": "superseded", "message": "Another process owns this attempt."}

    assert worker.wait_message("exited", run.id)["exit_code"] == 75
