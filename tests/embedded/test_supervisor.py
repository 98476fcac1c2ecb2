"""The supervisor, in a process of its own, with real children: starts, restarts, stops in order, leaves nothing."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.embedded.backoff import Backoff
from controlplane.embedded.processes import wait_until
from tests.embedded.programs import Program, gone, program

SUPERVISE = """
import os
from pathlib import Path
from controlplane.embedded.child import ChildSpec
from controlplane.embedded.errors import EmbeddedError
from controlplane.embedded.progress import PlainProgress
from controlplane.embedded.signals import StopRequested
from controlplane.embedded.state import StateFolder
from controlplane.embedded.supervisor import Supervisor

home, children, options = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])

def up_and_watching(said=[]):
    said or said.append(say("up"))
    return False

def spec(name, code):
    here = {"PATH": os.environ["PATH"], "HOME_FOLDER": str(home)}
    ready = (home / f"{name}.ready").exists
    return ChildSpec(name=name, command=["/bin/sh", "-c", code], environment=here, ready=ready, **options)

with (home / "out").open("a") as out:
    try:
        with StateFolder(home / "state") as state, Supervisor(state=state, progress=PlainProgress(out)) as supervisor:
            supervisor.start_together([spec(name, code) for name, code in children.items()])
            supervisor.watch(until=up_and_watching)
    except (EmbeddedError, StopRequested) as error:
        say(f"{type(error).__name__}: {error}")
    else:
        say(f"stopped by {supervisor.stopping.name}")
"""
# Writes its pid once it is ready, and a line when it is asked to stop; a grandchild is in its group.
OBEDIENT = """
cd "$HOME_FOLDER"; name={name}
trap 'echo $name >> stopped; exit 0' TERM
sleep 600 & echo $! > $name.grandchild
echo $$ > $name.new; mv $name.new $name.pid; touch $name.ready
while :; do wait; done
"""
# Leaves once three were asked to stop.
SOCIABLE = OBEDIENT.replace(
    "'echo $name >> stopped; exit 0'",
    "'touch $name.asked; while [ $(ls *.asked | wc -l) -lt 3 ]; do sleep 0.1; done; echo $name >> stopped; exit 0'",
)
STUBBORN = OBEDIENT.replace("trap 'echo $name >> stopped; exit 0' TERM", "trap '' TERM")


class Stage:
    """A folder in which supervised children leave traces."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, children: dict[str, str], **options: object):
        return program(SUPERVISE, self.home, json.dumps(children), json.dumps(options))

    def pid(self, name: str) -> int:
        return int((self.home / name).read_text())

    def pids(self) -> list[int]:
        return [int(path.read_text()) for path in (*self.home.glob("*.pid"), *self.home.glob("*.grandchild"))]

    def output(self) -> str:
        return (self.home / "out").read_text()

    def records(self) -> list[str]:
        return [path.name for path in (self.home / "state/processes").iterdir()]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    (tmp_path / "out").touch()
    yield stage
    for pid in stage.pids():
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


def obedient(*names: str) -> dict[str, str]:
    return {name: OBEDIENT.format(name=name) for name in names}


def all_gone(stage: Stage) -> bool:
    return all(gone(pid) for pid in stage.pids())


def ask_to_stop(supervisor: Program, number: signal.Signals) -> str:
    supervisor.process.send_signal(number)
    return str(supervisor.hear())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_all_in_reverse_order(stage: Stage, number: signal.Signals) -> None:
    with stage.run(obedient("first", "second", "third")) as supervisor:
        assert supervisor.hear() == "up"

        assert ask_to_stop(supervisor, number) == f"stopped by {number.name}"

    assert (stage.home / "stopped").read_text().split() == ["third", "second", "first"]
    assert all_gone(stage)
    assert stage.records() == []


def test_progress_is_one_plain_line_per_step(stage: Stage) -> None:
    with stage.run(obedient("web", "worker")) as supervisor:
        supervisor.hear()
        ask_to_stop(supervisor, signal.SIGINT)

    lines = [line.partition(" (")[0] for line in stage.output().splitlines()]
    assert lines == ["web: ready", "worker: ready"]


def test_crashed_child_is_started_again_and_its_group_is_cleared(stage: Stage) -> None:
    with stage.run(obedient("web")) as supervisor:
        supervisor.hear()
        pid, grandchild = stage.pid("web.pid"), stage.pid("web.grandchild")

        os.kill(pid, signal.SIGKILL)

        assert wait_until(lambda: stage.pid("web.pid") != pid, seconds=100)
        assert gone(grandchild)
        assert "web ended (killed by SIGKILL); starting it again in 0.5 s." in stage.output()
        ask_to_stop(supervisor, signal.SIGTERM)
    assert all_gone(stage)


def test_stubborn_child_is_killed_after_its_patience(stage: Stage) -> None:
    children = {"web": STUBBORN.format(name="web")}
    with stage.run(children, patience=0.3) as supervisor:
        supervisor.hear()

        assert ask_to_stop(supervisor, signal.SIGTERM) == "stopped by SIGTERM"

    assert all_gone(stage)


def test_those_that_stop_together_are_asked_at_the_same_time(stage: Stage) -> None:
    names = ("first", "second", "third")
    with stage.run({name: SOCIABLE.format(name=name) for name in names}, patience=100, stops_with="all") as supervisor:
        supervisor.hear()
        ask_to_stop(supervisor, signal.SIGTERM)

    assert sorted((stage.home / "stopped").read_text().split()) == sorted(names), "one after another, none would stop"
    assert all_gone(stage)


def test_second_signal_stops_at_once(stage: Stage) -> None:
    children = {"web": STUBBORN.format(name="web"), **obedient("worker")}
    with stage.run(children, patience=600) as supervisor:
        supervisor.hear()
        supervisor.process.send_signal(signal.SIGINT)
        assert wait_until((stage.home / "stopped").exists, seconds=100)

        assert ask_to_stop(supervisor, signal.SIGINT) == "stopped by SIGINT"

    assert all_gone(stage)
    assert stage.records() == []


def test_signal_while_starting_stops_what_was_started(stage: Stage) -> None:
    children = {**obedient("web"), "worker": "sleep 600"}
    with stage.run(children) as supervisor:
        assert wait_until(lambda: "web: ready" in stage.output(), seconds=100)

        assert ask_to_stop(supervisor, signal.SIGINT).startswith("StopRequested")

    assert all_gone(stage)


def test_child_that_ends_while_starting_is_one_clear_line(stage: Stage) -> None:
    children = {**obedient("web"), "worker": "echo no such setting >&2; exit 3"}
    with stage.run(children) as supervisor:
        said = supervisor.hear()

    log = stage.home / "state/logs/worker.log"
    assert said == f"StartError: worker did not start: exit code 3: no such setting. Its log is {log}."
    assert all_gone(stage)


def test_child_that_is_never_ready_is_one_clear_line(stage: Stage) -> None:
    # It has said its word long before.
    with stage.run({"web": "echo waiting; sleep 600"}, ready_within=4) as supervisor:
        said = supervisor.hear()

    assert said.startswith("StartError: web did not start: it was not ready after 4 s: waiting. Its log is")


def test_kill_9_of_the_supervisor_leaves_nothing(stage: Stage) -> None:
    with stage.run({**obedient("web"), "worker": STUBBORN.format(name="worker")}, patience=4) as supervisor:
        supervisor.hear()

        supervisor.kill()

        assert wait_until(lambda: all_gone(stage), seconds=100)
        assert wait_until(lambda: stage.records() == [], seconds=100)
    assert (stage.home / "stopped").read_text().split() == ["web"]


def kill_with_guard(supervisor: Program) -> None:
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
    guards = [pid for pid in children if "embedded.guard" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(guards) == 1
    os.kill(int(guards[0]), signal.SIGKILL)
    supervisor.kill()


def test_next_start_stops_what_even_the_guard_could_not(stage: Stage) -> None:
    with stage.run(obedient("web")) as supervisor:
        supervisor.hear()
        kill_with_guard(supervisor)
    old = stage.pids()
    assert not any(gone(pid) for pid in old)

    with stage.run(obedient("web")) as supervisor:
        supervisor.hear()
        assert all(gone(pid) for pid in old)
        ask_to_stop(supervisor, signal.SIGTERM)

    assert "Stopped what an earlier start, since killed, had left running: web.\n" in stage.output()


def test_orphans_of_a_dead_leader_are_stopped_too(stage: Stage) -> None:
    with stage.run(obedient("web")) as supervisor:
        supervisor.hear()
        kill_with_guard(supervisor)
    os.kill(stage.pid("web.pid"), signal.SIGKILL)
    orphan = stage.pid("web.grandchild")
    assert not gone(orphan)

    with stage.run({}) as supervisor:
        supervisor.hear()
        assert gone(orphan)
        ask_to_stop(supervisor, signal.SIGTERM)


def test_process_that_got_a_recorded_pid_later_is_left_alone(stage: Stage) -> None:
    with stage.run(obedient("web")) as supervisor:
        supervisor.hear()
        kill_with_guard(supervisor)
    with program("say(1)\nsys.stdin.read()", start_new_session=True) as stranger:
        stranger.hear()
        path = stage.home / "state/processes/web.json"
        record = json.loads(path.read_text())
        record["leader"]["pid"] = stranger.pid
        path.write_text(json.dumps(record))

        with stage.run({}) as supervisor:
            supervisor.hear()
            assert stranger.process.poll() is None
            assert stage.records() == []
            ask_to_stop(supervisor, signal.SIGTERM)


def test_backoff_doubles_in_a_row_and_begins_anew_after_a_healthy_while() -> None:
    now = 0.0
    backoff = Backoff(clock=lambda: now)
    delays = []
    for healthy in (0, 0, 0, 0, 0, 0, 0, 0, 61):
        now += healthy
        delays.append(backoff.crashed())
        assert backoff.crashed() is None
        now += delays[-1] or 0
        assert backoff.due()
        backoff.started()

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5]


def test_signal_between_steps_interrupts_whatever_runs(stage: Stage) -> None:
    source = SUPERVISE.replace("supervisor.watch(until=up_and_watching)", "say('up'); import time; time.sleep(600)")
    with program(source, stage.home, json.dumps(obedient("web")), "{}") as supervisor:
        supervisor.hear()

        assert ask_to_stop(supervisor, signal.SIGINT).startswith("StopRequested")

    assert (stage.home / "stopped").read_text().split() == ["web"]
    assert all_gone(stage)
