"""stdout and stderr by file descriptor, and what each step used."""

import time

import pytest

from tests.waiting import eventually
from tests.worker.fake_agent import Run, Worker


def captured(run: Run, ending: str) -> str:
    (event,) = run.of_type("LOGS_CAPTURED")
    name = event["data"]["log_key"][-1]
    return (run.directory / "logs" / f"{name}.{ending}").read_text()


def test_compute_logs_hold_prints_and_subprocess_output(shop: Worker) -> None:
    run = shop.run(asset_selection=["raw_customers"], check_selection=[])

    assert captured(run, "out").splitlines() == ["hello from stdout", "hello from a subprocess"]
    assert "and from stderr" in captured(run, "err")


def test_compute_logs_of_forked_steps_are_apart(shop: Worker) -> None:
    run = shop.run(asset_selection=["raw_customers", "stg_customers"], check_selection=[])

    by_step = {event["data"]["steps"][0]: event["data"]["log_key"][-1] for event in run.of_type("LOGS_CAPTURED")}
    assert set(by_step) == {"raw_customers", "stg_customers"}
    assert (run.directory / "logs" / f"{by_step['raw_customers']}.out").read_text().startswith("hello from stdout")
    assert (run.directory / "logs" / f"{by_step['stg_customers']}.out").read_text() == ""


def test_compute_logs_a_line_is_in_the_file_while_the_step_runs(shop: Worker) -> None:
    run = shop.start_run(asset_selection=["slow"])

    eventually(lambda: run.logs("err"), lambda text: "tick 3" in text)

    assert run.status is None
    shop.cancel(run)
    run.finish()


def test_compute_logs_one_line_of_20_megabytes_is_written_whole(shop: Worker) -> None:
    run = shop.run(asset_selection=["one_long_line"])

    assert run.status == "SUCCESS"
    assert len(captured(run, "out")) == 20_000_001


@pytest.mark.parametrize("selection", [["burner"], ["burner", "trivial"]], ids=["in_process", "fork"])
def test_usage_of_a_step_is_measured(shop: Worker, selection: list[str]) -> None:
    started = time.monotonic()

    run = shop.run(asset_selection=selection)

    usage = next(event["usage"] for event in run.of_type("STEP_SUCCESS") if event["step"] == "burner")
    assert 0.38 <= usage["cpu_seconds"] <= 1.5
    assert usage["cpu_seconds"] * 0.8 <= usage["wall_seconds"] <= time.monotonic() - started
    assert usage["peak_rss_bytes"] > 60_000_000 + shop.ready["rss_bytes"] / 2
    average = usage["gib_seconds"] / usage["wall_seconds"] * 1024**3
    assert 0.3 * usage["peak_rss_bytes"] <= average <= 1.05 * usage["peak_rss_bytes"]


def test_usage_is_on_failures_and_retries_too(shop: Worker) -> None:
    failed, retried = shop.run(asset_selection=["failing"]), shop.run(asset_selection=["flaky"])

    assert failed.of_type("STEP_FAILURE")[0]["usage"]["wall_seconds"] >= 0
    assert retried.of_type("STEP_UP_FOR_RETRY")[0]["usage"]["wall_seconds"] >= 0
    assert retried.of_type("STEP_SUCCESS")[0]["usage"]["wall_seconds"] >= 0
