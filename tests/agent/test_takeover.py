"""A restarted agent takes its code workers over: nothing is loaded again that did not change."""

import json
import os
import shutil
import signal
import socket
import sys

import psutil
import pytest

from agent.protocol import Target
from tests.agent.conftest import ended, gone, is_gone, loaded, location, message_seen, sequence
from tests.waiting import eventually

PROJECT = """
import os, pathlib, time
import dagster as dg

@dg.asset
def waits(context):
    number = 0
    while not pathlib.Path(os.environ["GO"]).exists():
        context.log.info(f"tick {number}")
        number += 1
        time.sleep(0.05)

@dg.asset
def quick():
    pathlib.Path(os.environ["IMPORTS"])

@dg.sensor(target="*")
def hangs(_):
    time.sleep(1000)

with open(os.environ["IMPORTS"], "a") as file:
    file.write(f"{os.getpid()}\\n")

defs = dg.Definitions(assets=[waits, quick], sensors=[hangs])
"""


class Site:
    """A project of which each import leaves a line, and how often it was imported."""

    def __init__(self, folder):
        self.folder, self.go, self.imports_file = folder, folder / "go", folder / "imports"
        (folder / "defs.py").write_text(PROJECT)

    def version(self, name="v1", **env):
        target = Target(python_file="defs.py", working_directory=str(self.folder), executable_path=sys.executable)
        return location(name, target=target, env={"GO": str(self.go), "IMPORTS": str(self.imports_file), **env})

    @property
    def imports(self):
        return self.imports_file.read_text().split() if self.imports_file.exists() else []


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


# pytest changes this one between a fixture and its test, and code would see it.
STEADY = {"PYTEST_CURRENT_TEST": "takeover"}


@pytest.fixture
def real(plane, new_agent, site):
    plane.answer_read = lambda read: []
    plane.serve(site.version())
    agent = new_agent(worker_path="")
    agent.env = STEADY
    agent.start()
    loaded(plane, "v1")
    return agent


def run(plane, name, **fields):
    return plane.launch("v1", job="__ASSET_JOB", asset_selection=[[name]], **fields)


def restarted(agent, *, gently):
    if gently:
        agent.terminate()
        assert agent.wait() == 0
    else:
        agent.kill9()
    return agent.start()


@pytest.mark.parametrize("gently", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_restart_imports_nothing_again(plane, real, site, gently):
    for times in (1, 2):
        restarted(real, gently=gently)
        eventually(lambda: len(real.logged("location.taken_over")), times.__eq__)

    attempt = run(plane, "quick")

    assert ended(attempt)["reason"] == "finished"
    assert site.imports == [str(attempt.events[0]["data"]["worker_pid"])]


def test_run_goes_on_and_its_worker_counts_it_until_it_ends(plane, real, site):
    attempt = run(plane, "waits")
    message_seen(attempt, "tick 2")
    worker = attempt.events[0]["data"]["worker_pid"]
    restarted(real, gently=False)
    eventually(lambda: real.logged("location.taken_over"), bool)
    plane.serve()
    message_seen(attempt, f"tick {len(attempt.messages) + 3}")
    assert psutil.pid_exists(worker), "the worker leaves after its last child, not before"
    site.go.touch()

    assert ended(attempt)["reason"] == "finished"
    assert sequence(attempt) == list(range(1, len(attempt.events) + 1))
    eventually(lambda: psutil.pid_exists(worker), lambda alive: not alive)


@pytest.mark.parametrize("gently", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_calls_end_with_their_agent(plane, real, site, gently):
    plane.call("v1", "sensor_tick", {"name": "hangs"}, timeout=600)
    worker = psutil.Process(int(site.imports[0]))
    [call] = eventually(worker.children, bool)
    (real.terminate if gently else real.kill9)()

    gone(call.pid)
    assert worker.is_running()


def test_worker_with_another_environment_is_replaced(plane, real, site):
    [worker] = map(int, site.imports)
    real.kill9()
    plane.serve(site.version(MORE="1"))
    real.start()

    eventually(lambda: len(site.imports), lambda count: count == 2)
    eventually(lambda: psutil.pid_exists(worker), lambda alive: not alive)
    assert real.logged("location.taken_over") == []


def test_agent_with_another_environment_replaces_its_workers(plane, real, site):
    real.kill9()
    real.env = {**STEADY, "TOLD_TO_USER_CODE": "1"}
    real.start()

    eventually(lambda: len(site.imports), lambda count: count == 2)


def test_record_holds_no_value_of_the_environment(plane, new_agent, site):
    plane.answer_read = lambda read: []
    plane.serve(site.version(PASSWORD="swordfish-4711"))
    agent = new_agent(worker_path="").start()
    loaded(plane, "v1")

    [record] = eventually(lambda: list(agent.home.glob("locations/*/worker.json")), bool)

    assert b"swordfish" not in record.read_bytes()
    assert record.stat().st_mode & 0o077 == 0


def test_worker_that_died_meanwhile_is_started_anew(plane, real, site):
    real.kill9()
    os.kill(int(site.imports[0]), signal.SIGKILL)
    real.start()

    eventually(lambda: len(site.imports), lambda count: count == 2)
    attempt = run(plane, "quick")
    assert ended(attempt)["reason"] == "finished"


def test_workers_leave_when_nobody_comes_back(plane, new_agent, site):
    plane.answer_read = lambda read: []
    plane.serve(site.version())
    agent = new_agent(worker_path="", worker_patience=0.5).start()
    loaded(plane, "v1")
    [worker] = map(int, site.imports)
    agent.kill9()

    eventually(lambda: psutil.pid_exists(worker), lambda alive: not alive)


def test_without_patience_workers_end_with_their_agent(plane, new_agent, site):
    plane.answer_read = lambda read: []
    plane.serve(site.version())
    agent = new_agent(worker_path="", worker_patience=0)
    agent.env = STEADY
    agent.start()
    loaded(plane, "v1")
    restarted(agent, gently=True)

    eventually(lambda: len(site.imports), lambda count: count == 2)
    assert agent.logged("location.taken_over") == []


def test_copy_of_the_home_leaves_the_workers_of_the_other_alone(plane, real, site, new_agent):
    [worker] = map(int, site.imports)
    copied = new_agent(worker_path="")
    shutil.copytree(real.home / "locations", copied.home / "locations")
    copied.env = STEADY
    copied.start()

    eventually(lambda: copied.logged("worker.not_ours"), bool)
    eventually(lambda: len(site.imports), lambda count: count == 2)
    assert psutil.pid_exists(worker)


def test_somebody_else_at_the_address_is_not_taken_for_the_worker(real, site, request):
    [worker] = map(int, site.imports)
    record = json.loads(next(real.home.glob("locations/*/worker.json")).read_text())
    os.kill(worker, signal.SIGSTOP)
    request.addfinalizer(lambda: is_gone(worker) or os.kill(worker, signal.SIGKILL))
    real.kill9()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(record["address"])
        stranger.listen()
        real.start()
        eventually(lambda: real.logged("worker.impersonated"), bool)

    eventually(lambda: len(site.imports), lambda count: count == 2)
    assert real.logged("location.taken_over") == []
