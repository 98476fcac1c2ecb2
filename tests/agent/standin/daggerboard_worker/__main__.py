"""`serve` and `run` of the stand-in: a location loads as its `module_name` says, a run does what its config's `script` says."""

import argparse
import gzip
import hashlib
import json
import os
import select
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from daggerboard_worker.children import fork_child
from daggerboard_worker.connection import start_ticks
from daggerboard_worker.control import ControlChannel
from daggerboard_worker.script import answer_call, follow


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    for flag in ("--socket", "--location", "--control-fd", "--mode", "--attempt-dir"):
        parser.add_argument(flag)
    arguments, _ = parser.parse_known_args()
    if arguments.command == "run":
        spec = json.loads(Path(arguments.attempt_dir, "spec.json").read_text())
        return follow(spec, socket_path=arguments.socket, attempt_dir=arguments.attempt_dir, mode="cold")
    return Server(arguments).serve()


class Server:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.location = json.loads(arguments.location)
        self.mode = arguments.mode or "warm"
        self.control = ControlChannel(int(arguments.control_fd))
        self.children: dict[int, str] = {}

    def serve(self) -> int:
        if not self.load(self.location.get("module_name", "")):
            return 0
        while True:
            self.reap()
            if not select.select([self.control], [], [], 0.02)[0]:
                continue
            messages = self.control.receive()
            if messages is None:
                return 0
            for message in messages:
                if message["t"] == "stop":
                    return 0
                if message["t"] in {"run", "call"}:
                    self.fork(message)

    def load(self, behaviour: str) -> bool:
        if behaviour.startswith("slow:"):
            time.sleep(float(behaviour[5:]))
        while behaviour.startswith("waits-for:") and not Path(behaviour[10:]).exists():
            time.sleep(0.02)
        if behaviour == "dies":
            sys.stderr.write("segmentation fault, say\n")
            sys.stderr.flush()
            os._exit(139)
        if behaviour == "fails" or (behaviour.startswith("fails-if:") and Path(behaviour[9:]).exists()):
            error = {"cls": "ImportError", "message": "no module named nonsense", "stack": ["line 1\n"]}
            self.control.send({"t": "load_failed", "error": error, "dagster_version": "1.13", "load_seconds": 0.1})
            return False
        self.control.send(
            {"t": "ready", "mode": self.mode, "mode_reason": None, "load_seconds": 0.01, **FACTS, **definitions()}
        )
        return True

    def fork(self, message: dict[str, Any]) -> None:
        if message["t"] == "run" and "die_on_fork" in message["spec"]["run_config"] and first_time(message):
            os._exit(1)
        if message["t"] == "run":
            Path(message["attempt_dir"], "unforked").unlink(missing_ok=True)
        pid = fork_child(lambda: self.child(message), close=[self.control.close])
        self.children[pid] = message["id"]
        self.control.send({"t": "forked", "id": message["id"], "pid": pid, "start_ticks": start_ticks(pid)})

    def child(self, message: dict[str, Any]) -> int:
        os.environ.update(message["env"])
        if message["t"] == "call":
            return answer_call(message, socket_path=self.arguments.socket)
        folder = message["attempt_dir"]
        return follow(message["spec"], socket_path=self.arguments.socket, attempt_dir=folder, mode=self.mode)

    def reap(self) -> None:
        while self.children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            how = {"exit_code": code} if code >= 0 else {"signal": -code}
            used = {"cpu_seconds": usage.ru_utime, "max_rss_bytes": usage.ru_maxrss * 1024}
            self.control.send({"t": "exited", "id": self.children.pop(pid), "pid": pid, **how, **used})


FACTS = {
    "dagster_version": "1.13.0",
    "python_version": "3.11",
    "worker_version": "0",
    "counts": {"assets": 1},
    "threads": 1,
    "rss_bytes": 1,
}


def first_time(message: dict[str, Any]) -> bool:
    mark = Path(message["attempt_dir"], "died-once")
    if mark.exists():
        return False
    mark.touch()
    return True


def definitions() -> dict[str, dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="standin"))
    return {name: stored(folder, f'{{"{name}": 1}}'.encode()) for name in ("manifest", "snapshot")}


def stored(folder: Path, data: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    (folder / sha256).write_bytes(gzip.compress(data))
    return {"path": str(folder / sha256), "sha256": sha256, "bytes": len(data)}


sys.exit(main())
