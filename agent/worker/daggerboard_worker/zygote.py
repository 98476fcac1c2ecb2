"""The worker process: waits for the agent's requests and forks one child for each."""

import contextlib
import os
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daggerboard_worker.attempts import Workplace, run_attempt, set_environment
from daggerboard_worker.children import end_with_parent, fork_child
from daggerboard_worker.connection import start_ticks
from daggerboard_worker.control import ControlChannel
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.run_spec import RunSpec
from daggerboard_worker.unattended import Stay, wait_for_agent

Json = dict[str, Any]

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "KILL": signal.SIGKILL}


@dataclass
class Zygote:
    control: ControlChannel
    load: Callable[[], LoadedLocation]
    socket_path: str
    storage_dir: str
    scratch: Path
    mode: str
    # What `ready` said: an agent that comes later is told again.
    announced: Json
    children: dict[int, str] = field(default_factory=dict)
    # Those of them that answer a call: whoever asked asks again, so they end with the agent, where runs go on.
    calls: set[int] = field(default_factory=set)
    stopping: bool = False
    # Where to wait when the agent has hung up; None: nowhere.
    stay: Stay | None = None

    def serve(self) -> None:
        """Until no agent is there any more, or one has said `stop` and the last child is gone. Runs survive us, calls do not."""
        self._open_wakeup()
        while not (self.stopping and not self.children):
            readable, _, _ = select.select([self.control, self._wakeup], [], [])
            if self._wakeup in readable:
                self._note_ended()
            self._reap()
            if self.control in readable and not self._handle_messages() and not self._is_taken_over():
                return

    def _is_taken_over(self) -> bool:
        """Wait for the agent's next process and tell it how things stand."""
        self.control.close()
        self._end_calls()
        if self.stay is None or self.stopping:
            return False
        control = wait_for_agent(self.stay, wakeup=self._wakeup, on_wakeup=self._note_ended)
        if control is None:
            return False
        self.control, self.stay = control, None
        children = [{"id": subject, "pid": pid} for pid, subject in self.children.items()]
        return control.send({**self.announced, "children": children})

    def _end_calls(self) -> None:
        for pid in self.calls:
            # Not collected yet, so the number is still its own; it may have ended.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self.children.pop(pid, None)
        self.calls.clear()

    def _note_ended(self) -> None:
        drain(self._wakeup)
        self._reap()

    def _open_wakeup(self) -> None:
        self._wakeup, self._wakeup_end = os.pipe()
        for end in (self._wakeup, self._wakeup_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # Ctrl-C in a terminal reaches the whole group; cancelling runs is the agent's decision.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _handle_messages(self) -> bool:
        messages = self.control.receive()
        if messages is None:
            return False
        for message in messages:
            self._handle(message)
        return True

    def _handle(self, message: Json) -> None:
        kind = message["t"]
        if kind == "run":
            note_fork(message["attempt_dir"])
            self._fork(message["id"], lambda: self._run(message))
        elif kind == "call":
            self.calls.add(self._fork(message["id"], lambda: self._call(message)))
        elif kind == "signal":
            self._signal(message)
        elif kind == "stay":
            self.stay = Stay.from_json(message)
        elif kind == "stop":
            self.stopping = True

    def _fork(self, subject: str, work: Callable[[], int]) -> int:
        pid = fork_child(work, close=[self.control.close, self._close_wakeup])
        self.children[pid] = subject
        self.control.send({"t": "forked", "id": subject, "pid": pid, "start_ticks": start_ticks(pid)})
        return pid

    def _close_wakeup(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._wakeup_end)

    def _run(self, message: Json) -> int:
        set_environment(message.get("env"))
        place = Workplace(
            socket_path=self.socket_path,
            attempt_dir=message["attempt_dir"],
            storage_dir=self.storage_dir,
            mode=self.mode,
        )
        return run_attempt(self.load, RunSpec.from_json(message["spec"]), place)

    def _call(self, message: Json) -> int:
        from daggerboard_worker.call_instance import CallPlace
        from daggerboard_worker.calls import answer_call

        end_with_parent()
        set_environment(message.get("env"))
        place = CallPlace(message["id"], self.socket_path, self.storage_dir, self.scratch)
        return answer_call(self.load, place, op=message["op"], args=message.get("args") or {})

    def _signal(self, message: Json) -> None:
        number = SIGNALS[message["signal"]]
        for pid, subject in self.children.items():
            if subject == message["id"]:
                # It may have ended just now; then `exited` is on its way.
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if message.get("group") else os.kill)(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.calls.discard(pid)
            subject = self.children.pop(pid, None)
            if subject is not None:
                self.control.send(exited(subject, pid, status, usage))


def note_fork(attempt_dir: str) -> None:
    """From now on the attempt may run: an agent that restarts must not start it again. Works on a full disk too."""
    Path(attempt_dir, "unforked").unlink(missing_ok=True)


def exited(subject: str, pid: int, status: int, usage: Any) -> Json:
    code = os.waitstatus_to_exitcode(status)
    return {
        "t": "exited",
        "id": subject,
        "pid": pid,
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "max_rss_bytes": usage.ru_maxrss * 1024,
    }


def drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass
