"""The agent with the real code worker and real Dagster code."""

import os
import signal
import sys

import psutil
import pytest

from agent.protocol import Target
from tests.agent.conftest import ended, loaded, location, logs_closed, message_seen, sequence
from tests.waiting import eventually

PROJECT = """
import os, pathlib, time
import dagster as dg

@dg.asset
def upstream(context):
    print("printed by upstream")
    context.log.info("said by upstream")

@dg.asset(deps=[upstream])
def downstream(context):
    go = pathlib.Path(os.environ["GO"])
    number = 0
    while not go.exists():
        context.log.info(f"tick {number}")
        number += 1
        time.sleep(0.05)
    context.log.info(f"ticks {number}")

@dg.op
def kill_me():
    os.kill(os.getpid(), 9)

@dg.job(executor_def=dg.in_process_executor)
def dies():
    kill_me()

defs = dg.Definitions(assets=[upstream, downstream], jobs=[dies])
"""


@pytest.fixture
def go(tmp_path):
    return tmp_path / "go"


@pytest.fixture
def real(plane, new_agent, tmp_path, go):
    """An agent with a loaded Dagster project, whose assets have no history yet."""
    plane.answer_read = lambda read: []
    (tmp_path / "defs.py").write_text(PROJECT)
    target = Target(python_file="defs.py", working_directory=str(tmp_path), executable_path=sys.executable)
    plane.serve(location("v1", target=target, env={"GO": str(go)}))
    agent = new_agent(worker_path="").start()
    loaded(plane, "v1")
    return agent


def assets(plane, *names, **fields):
    return plane.launch("v1", job="__ASSET_JOB", asset_selection=[[name] for name in names], **fields)


def test_assets_materialize_with_events_logs_and_usage(plane, real, go):
    go.touch()
    attempt = assets(plane, "upstream", "downstream")

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types[0] == "AGENT_STARTED"
    assert attempt.types[-2:] == ["PIPELINE_SUCCESS", "AGENT_EXITED"]
    assert attempt.types.count("ASSET_MATERIALIZATION") == 2
    assert all(event["usage"]["wall_seconds"] > 0 for event in attempt.events if event["type"] == "STEP_SUCCESS")
    assert b"printed by upstream\n" in b"".join(logs_closed(attempt).values())


def test_run_with_step_processes_survives_kills_of_agent_and_worker(plane, real, go):
    attempt = assets(plane, "upstream", "downstream")
    message_seen(attempt, "tick 2")
    worker = attempt.events[0]["data"]["worker_pid"]
    os.kill(worker, signal.SIGKILL)
    message_seen(attempt, "tick 8")
    real.kill9()
    real.start()
    message_seen(attempt, f"tick {len(attempt.messages) + 5}")
    go.touch()

    assert ended(attempt)["reason"] == "finished"
    assert "PIPELINE_SUCCESS" in attempt.types
    assert sequence(attempt) == list(range(1, len(attempt.events) + 1))
    ticks = [message for message in attempt.messages if message.startswith("tick ")]
    assert ticks == [f"tick {number}" for number in range(len(ticks))]


def test_cancel_is_dagsters_own(plane, real, go):
    attempt = assets(plane, "downstream")
    message_seen(attempt, "tick 2")

    plane.cancel(attempt)

    ended(attempt)
    assert "PIPELINE_CANCELED" in attempt.types
    assert attempt.types[-1] == "AGENT_EXITED"


def test_killed_run_says_which_signal(plane, real):
    attempt = plane.launch("v1", job="dies")

    end = ended(attempt)

    assert (end["reason"], end["signal"]) == ("killed_by_signal", 9)


def test_config_is_validated_by_the_users_dagster(plane, real):
    args = {"job": "dies", "asset_selection": None, "op_selection": None, "run_config": {"nonsense": 1}}
    call = plane.call("v1", "validate_run_config", args)

    result = eventually(lambda: plane.results.get(call), bool).result

    assert result["valid"] is False
    assert "nonsense" in str(result["errors"])


SENSORS = """
import os, subprocess, time
import dagster as dg

@dg.job
def nothing():
    pass

@dg.sensor(job=nothing)
def hanging(context):
    subprocess.Popen(["sleep", "1000"])
    time.sleep(1000)

@dg.sensor(job=nothing)
def counting(context):
    context.update_cursor(str(int(context.cursor or 0) + 1))
    keys = context.instance.get_dynamic_partitions("files")
    return dg.SkipReason(f"{os.environ['PLACE']} {os.environ['DAGGERBOARD_DEPLOYMENT']} {keys}")

@dg.sensor(job=nothing)
def failing(context):
    context.log.info("before it broke")
    raise ValueError("broken")

defs = dg.Definitions(jobs=[nothing], sensors=[hanging, counting, failing])
"""


def test_ticks_hang_alone_and_die_with_their_processes(plane, new_agent, tmp_path):
    reads = []
    plane.answer_read = lambda read: reads.append(read) or ["a.csv"]
    (tmp_path / "defs.py").write_text(SENSORS)
    target = Target(python_file="defs.py", working_directory=str(tmp_path), executable_path=sys.executable)
    plane.serve(location("v1", target=target, env={"PLACE": "here"}))
    agent = new_agent(worker_path="").start()
    loaded(plane, "v1")

    hanging = [plane.call("v1", "sensor_tick", {"name": "hanging"}, timeout=4) for _ in range(3)]
    good = [plane.call("v1", "sensor_tick", {"name": "counting", "cursor": str(n)}) for n in range(6)]
    failing = plane.call("v1", "sensor_tick", {"name": "failing"})

    answers = [eventually(lambda one=one: plane.results.get(one), bool) for one in [*good, failing]]
    assert [answer.result["cursor"] for answer in answers[:-1]] == [str(n + 1) for n in range(6)]
    assert {answer.result["skip"] for answer in answers[:-1]} == {"here prod ['a.csv']"}
    assert {read.version_id for read in reads} == {"v1"}
    assert answers[-1].error.message.strip() == "ValueError: broken"
    assert [text for _, _, text in answers[-1].result["log"]] == ["before it broke"]
    killed = [eventually(lambda one=one: plane.results.get(one), bool) for one in hanging]
    assert all("longer than 4 s" in answer.error.message for answer in killed)
    worker = psutil.Process(agent.process.pid).children()[0]
    eventually(lambda: worker.children(recursive=True), lambda left: left == [])
    eventually(lambda: list((agent.home / "calls").iterdir()), lambda left: left == [])
