"""What a scripted run does: `run_config = {"script": [[verb, argument], …]}`; without one it logs a line and succeeds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daggerboard_worker.connection import AgentConnection

Verb = Callable[["Run", Any], None]


class Run:
    def __init__(self, spec: dict[str, Any], *, socket_path: str, attempt_dir: str, mode: str) -> None:
        self.spec, self.mode, self.attempt_dir = spec, mode, attempt_dir
        subject = f"{spec['run_id']}/{spec['attempt']}"
        self.agent = AgentConnection(path=socket_path, subject=subject, role="run")

    def event(self, event_type: str, message: str = "", **fields: Any) -> None:
        self.agent.post(
            "events", [{"ts": time.time(), "type": event_type, "level": 20, "step": None, "message": message, **fields}]
        )

    def end(self, event_type: str) -> None:
        self.event(event_type)
        self.agent.flush()
        raise SystemExit(0)

    def log(self, text: str) -> None:
        self.event("LOG", text)

    def logs(self, count: int) -> None:
        for number in range(count):
            self.log(f"line {number}")
        self.agent.flush()

    def print(self, text: str) -> None:
        self.write_log("step.out", text.encode())

    def print_bytes(self, count: int) -> None:
        self.write_log("step.out", b"x" * count)

    def print_to(self, name: str) -> None:
        self.write_log(name, b"text")

    def link_log(self, target: str) -> None:
        Path(self.attempt_dir, "logs", "link.out").symlink_to(target)

    def write_log(self, name: str, data: bytes) -> None:
        with Path(self.attempt_dir, "logs", name).open("ab") as file:
            file.write(data)

    def wait_file(self, path: str) -> None:
        """Until the file is there, saying so in a log line each time a tenth of a second has passed."""
        while not Path(path).exists():
            self.tick()

    def ticks_until(self, path: str) -> None:
        number = 0
        while not Path(path).exists():
            self.log(f"tick {number}")
            number += 1
            self.tick()
        self.log(f"ticks {number}")

    def sleep_ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def tick(self) -> None:
        time.sleep(0.02)

    def obey_cancel(self, path: str) -> None:
        """As dagster does: on SIGINT ask whether it is a cancel, then end so."""
        try:
            self.wait_file(path)
        except KeyboardInterrupt:
            self.end("PIPELINE_CANCELED" if self.agent.ask("canceling") else "PIPELINE_FAILURE")

    def ignore(self, names: list[str]) -> None:
        for name in names:
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def hang_if_warm(self, _: Any) -> None:
        if self.mode == "warm":
            time.sleep(3600)

    def exit(self, code: int) -> None:
        self.agent.flush()
        os._exit(code)

    def signal(self, number: int) -> None:
        self.agent.flush()
        os.kill(os.getpid(), number)

    def join(self, group: str) -> None:
        self.agent.flush()
        Path(group).write_text(str(os.getpid()))

    def eat_memory(self, megabytes: int) -> None:
        self.eaten = [bytearray(os.urandom(1024) * 1024) for _ in range(megabytes)]

    def leave_behind(self, path: str) -> None:
        """Start a process of our group that outlives us unless somebody ends it."""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        Path(path).write_text(str(child.pid))

    def mark(self, path: str) -> None:
        """Leave a trace that tells how often this was run."""
        with Path(path).open("a") as file:
            file.write("ran\n")

    def tell_env(self, path: str) -> None:
        Path(path).write_text("\n".join(f"{name}={value}" for name, value in os.environ.items()))

    def read(self, method: str) -> None:
        self.log(str(self.agent.ask("read", {"method": method, "args": {"a": 1}})))

    def success(self, _: Any) -> None:
        self.end("PIPELINE_SUCCESS")

    def failure(self, _: Any) -> None:
        self.end("PIPELINE_FAILURE")


def follow(spec: dict[str, Any], *, socket_path: str, attempt_dir: str, mode: str) -> int:
    run = Run(spec, socket_path=socket_path, attempt_dir=attempt_dir, mode=mode)
    script = spec.get("run_config", {}).get("script") or [["start", None], ["log", "hello"], ["success", None]]
    for verb, argument in script:
        if verb == "start":
            run.event("PIPELINE_START")
        else:
            getattr(run, verb)(argument)
    run.agent.flush()
    return 0


def answer_call(message: dict[str, Any], *, socket_path: str) -> int:
    agent = AgentConnection(path=socket_path, subject=message["id"], role="call")
    if message["op"] == "crash":
        os._exit(9)
    if message["op"] == "sleep":
        time.sleep(3600)
    agent.ask("result", {"echo": message["args"]})
    if "trace" in message["args"]:
        with Path(message["args"]["trace"]).open("a") as file:
            file.write("answered\n")
    return 0
