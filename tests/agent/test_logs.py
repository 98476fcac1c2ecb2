"""Captured output: followed, shipped by offset, resumed, bounded (promises R4, R10)."""

import pytest

from tests.agent.conftest import ended, loaded, location, logs_closed, script
from tests.waiting import eventually

OUT = ("step", "stdout")


def test_output_is_visible_while_the_run_goes_on(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch(
        "v1", run_config=script(("print", "first"), ("wait_file", str(go)), ("print", "second"), "success")
    )

    eventually(lambda: attempt.logs[OUT], lambda data: data == b"first")
    go.touch()

    ended(attempt)
    assert logs_closed(attempt)[OUT] == b"firstsecond"


def test_output_is_continued_where_it_stood_after_a_crash_of_the_agent(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch(
        "v1", run_config=script(("print", "first"), ("wait_file", str(go)), ("print", "second"), "success")
    )
    eventually(lambda: attempt.logs[OUT], lambda data: data == b"first")
    agent.kill9()
    go.touch()
    agent.start()

    ended(attempt)
    assert logs_closed(attempt)[OUT] == b"firstsecond"


def test_lost_cursor_only_repeats_what_the_control_plane_has(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch(
        "v1", run_config=script(("print", "0123456789"), ("wait_file", str(go)), ("print", "abc"), "success")
    )
    eventually(lambda: attempt.logs[OUT], lambda data: data == b"0123456789")
    agent.kill9()
    for cursor in agent.home.glob("attempts/*/logs.json"):
        cursor.unlink()
    go.touch()
    agent.start()

    ended(attempt)
    assert logs_closed(attempt)[OUT] == b"0123456789abc"


def test_twenty_megabytes_on_one_line_arrive_whole(plane, agent):
    size = 20 * 1024 * 1024

    attempt = plane.launch("v1", run_config=script(("print_bytes", size), "success"))

    ended(attempt)
    assert len(logs_closed(attempt)[OUT]) == size


def test_shipped_output_gives_its_room_back(plane, agent, tmp_path):
    size = 20 * 1024 * 1024
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("print_bytes", size), ("wait_file", str(go)), "success"))
    eventually(lambda: len(attempt.logs[OUT]), lambda length: length == size)

    file = next(agent.home.glob("attempts/*/logs/step.out"))
    eventually(lambda: file.stat().st_blocks * 512, lambda used: used < size // 2)
    go.touch()
    ended(attempt)


def test_stream_that_is_full_costs_no_more_requests(plane, agent, tmp_path):
    plane.log_cap = 1000
    go = tmp_path / "go"
    attempt = plane.launch(
        "v1", run_config=script(("print_bytes", 5000), ("wait_file", str(go)), ("print_bytes", 5_000_000), "success")
    )
    eventually(lambda: len(attempt.logs[OUT]), lambda length: length == 1000)
    eventually(lambda: agent.logged("log.full"), bool)
    before = plane.requests["logs"]
    go.touch()

    ended(attempt)
    assert len(logs_closed(attempt)[OUT]) == 1000
    assert plane.requests["logs"] - before <= 2


def test_output_beyond_the_agents_room_is_dropped_with_a_marker(plane, new_agent, tmp_path):
    plane.serve(location("v1"))
    agent = new_agent(log_spool_mb=1).start()
    loaded(plane, "v1")
    plane.faults.drop_request("logs")
    attempt = plane.launch("v1", run_config=script(("print_bytes", 5_000_000), ("print", "the end"), "success"))
    eventually(lambda: agent.logged("log.dropped"), bool)
    plane.faults.clear()

    ended(attempt)
    text = logs_closed(attempt)[OUT]
    assert b"bytes of output were dropped here" in text
    assert text.endswith(b"the end")
    assert 900_000 < len(text) < 1_200_000


@pytest.mark.parametrize("name", ["notes.txt", "step.out.bak"])
def test_other_files_are_ignored(plane, agent, name):
    attempt = plane.launch("v1", run_config=script(("print", "x"), ("print_to", name), "success"))

    ended(attempt)
    assert set(logs_closed(attempt)) == {OUT}


def test_names_are_decoded(plane, agent):
    attempt = plane.launch("v1", run_config=script(("print_to", "a%2Fb%20c.err"), "success"))

    ended(attempt)
    assert dict(logs_closed(attempt)) == {("a/b c", "stderr"): b"text"}


def test_flood_of_one_run_does_not_hold_up_another(plane, agent, tmp_path):
    # Each request takes a second: of the flood that is half a minute, of the other run one request or two.
    plane.faults.delay("logs", 1.0, times=1000)
    flood = plane.launch(
        "v1", run_config=script(("print_bytes", 30_000_000), ("wait_file", str(tmp_path / "go")), "success")
    )
    message_or_size(flood)

    quiet = plane.launch("v1", run_config=script(("print", "small"), ("wait_file", str(tmp_path / "go")), "success"))

    eventually(lambda: quiet.logs[OUT], lambda data: data == b"small")
    assert len(flood.logs[OUT]) < 30_000_000
    (tmp_path / "go").touch()
    plane.faults.clear()
    ended(flood)


def message_or_size(attempt):
    eventually(lambda: len(attempt.logs[OUT]), bool)


def test_symlinks_in_the_log_folder_are_not_followed(plane, agent, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")

    attempt = plane.launch("v1", run_config=script(("link_log", str(secret)), ("print", "x"), "success"))

    ended(attempt)
    assert b"canary" not in b"".join(logs_closed(attempt).values())
