"""The agent as the code worker sees it: a data socket, a control channel, and real worker processes on their other ends."""

import json
import os
import socket
import subprocess
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.worker.interpreters import user_interpreter

Json = dict[str, Any]

WORKER = Path(__file__).parents[2] / "agent" / "worker"
PROJECTS = Path(__file__).parent / "projects"
# Far above what anything here takes, so that only a hang reaches it.
PATIENCE = 100.0


class DataServer:
    """Answers the data socket; keeps what it was told. `answers[method]` is what the control plane would say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: dict[str, list[Json]] = defaultdict(list)
        self.connections: list[Json] = []
        self.reads: list[Json] = []
        # An empty history; tests that want more say so.
        self.answers: dict[str, Any] = {"asset_records": [], "latest_tags_by_partition": {}}
        self.own_runs: dict[str, str] = {}
        self.canceling: set[str] = set()
        self.exits: dict[str, Json] = {}
        self.results: dict[str, Json] = {}
        self.seen: dict[str, Any] = {}
        self.duplicates = 0
        self.refuse: Json | None = None
        self.drop_answer: Callable[[Json], bool] = lambda _: False
        self.changed = threading.Condition()
        self._open: list[socket.socket] = []
        self.start()

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Vanish as a killed agent does."""
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for connection in self._open:
            with connection_errors_ignored():
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection_errors_ignored(), connection.makefile("rwb") as stream:
            for line in stream:
                request = json.loads(line)
                answer = self._answer_once(request)
                if self.drop_answer(request):
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                stream.write(json.dumps({"n": request["n"], **answer}).encode() + b"\n")
                stream.flush()

    def _answer_once(self, request: Json) -> Json:
        with self.changed:
            if self.refuse:
                return {"error": self.refuse}
            if request["key"] in self.seen:
                self.duplicates += 1
            else:
                self.seen[request["key"]] = self._handle(request)
            self.changed.notify_all()
            return self.seen[request["key"]]

    def _handle(self, request: Json) -> Json:
        subject, op, args = request["id"], request["op"], request["args"]
        if op == "hello":
            self.connections.append({"id": subject, **args})
        elif op == "events":
            self.events[subject] += args
        elif op == "canceling":
            return {"ok": subject in self.canceling}
        elif op == "put_own_run":
            self.own_runs[subject] = args
        elif op == "own_run":
            return {"ok": self.own_runs.get(subject)}
        elif op == "read":
            self.reads.append(args)
            return self._read(args)
        elif op == "exit":
            self.exits[subject] = args
        elif op == "result":
            self.results[subject] = args
        return {"ok": None}

    def _read(self, args: Json) -> Json:
        answer = self.answers.get(args["method"], LookupError)
        if answer is LookupError:
            return {"error": {"code": "unknown_method", "message": f"No answer for {args['method']} in this test."}}
        return {"ok": answer(args["args"]) if callable(answer) else answer}

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), f"timed out waiting for {what}"
            return condition()


@contextmanager
def connection_errors_ignored() -> Iterator[None]:
    with suppress(OSError, ValueError):
        yield


@dataclass
class Run:
    """One attempt, and what came of it."""

    id: str
    directory: Path
    data: DataServer
    worker: "Worker"

    @property
    def events(self) -> list[Json]:
        return self.data.events[self.id]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def status(self) -> str | None:
        return self.data.exits.get(self.id, {}).get("status")

    def of_type(self, event_type: str) -> list[Json]:
        return [event for event in self.events if event["type"] == event_type]

    def wait_for(self, event_type: str) -> Json:
        return self.data.wait(lambda: self.of_type(event_type), f"{event_type} of {self.id}")[0]

    def finish(self, patience: float = PATIENCE) -> "Run":
        self.worker.wait_message("exited", self.id, patience)
        return self

    def logs(self, ending: str) -> str:
        files = sorted((self.directory / "logs").rglob(f"*.{ending}"))
        return "".join(file.read_text() for file in files)


@dataclass
class Worker:
    """A real worker process and our end of its control channel."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    data: DataServer
    root: Path
    messages: list[Json] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        with connection_errors_ignored(), self.control.makefile("rb") as stream:
            for line in stream:
                with self.changed:
                    self.messages.append({**json.loads(line), "at": time.perf_counter()})
                    self.changed.notify_all()
        with self.changed:
            self.messages.append({"t": "closed"})
            self.changed.notify_all()

    def find(self, kind: str, subject: str | None = None) -> Json | None:
        wanted = (message for message in self.messages if message["t"] == kind)
        return next((message for message in wanted if subject in (None, message.get("id"))), None)

    def wait_message(self, kind: str, subject: str | None = None, patience: float = PATIENCE) -> Json:
        with self.changed:
            self.changed.wait_for(lambda: self.find(kind, subject) or self.find("closed"), patience)
        message = self.find(kind, subject)
        assert message, f"no {kind!r} for {subject}: {self.messages}\n{self.output()[-4000:]}"
        return message

    def output(self) -> str:
        return (self.root / "worker.log").read_text(errors="replace")

    @property
    def ready(self) -> Json:
        return self.wait_message("ready")

    def send(self, message: Json) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def start_run(self, job: str = "__ASSET_JOB", env: Json | None = None, **spec: Any) -> Run:
        run_id = str(uuid.uuid4())
        spec = {"run_id": run_id, "attempt": 1, "epoch": 1, "job": job, "run_config": {}, "tags": {}, **spec}
        spec["asset_selection"] = as_paths(spec.get("asset_selection"))
        run = Run(f"{run_id}/1", self.root / "attempts" / run_id, self.data, self)
        run.directory.mkdir(parents=True)
        self.send({"t": "run", "id": run.id, "attempt_dir": str(run.directory), "spec": spec, "env": env or {}})
        return run

    def run(self, job: str = "__ASSET_JOB", **spec: Any) -> Run:
        return self.start_run(job, **spec).finish()

    def call(self, op: str, **args: Any) -> Json:
        call_id = f"call-{uuid.uuid4()}"
        args["asset_selection"] = as_paths(args.get("asset_selection"))
        self.send({"t": "call", "id": call_id, "op": op, "args": args, "env": {}})
        self.wait_message("exited", call_id)
        return self.data.results[call_id]

    def signal(self, run: Run, name: str, *, group: bool = False) -> None:
        self.send({"t": "signal", "id": run.id, "signal": name, "group": group})

    def cancel(self, run: Run) -> None:
        self.data.canceling.add(run.id)
        self.signal(run, "INT")


def as_paths(selection: list[Any] | None) -> list[list[str]] | None:
    return None if selection is None else [[key] if isinstance(key, str) else key for key in selection]


class FakeAgent:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = DataServer(root / "data.sock")
        self.workers: list[Worker] = []
        self.interpreter = user_interpreter()

    def command(self, name: str, *arguments: str) -> list[str]:
        return [self.interpreter, "-W", "ignore", "-m", "daggerboard_worker", name, *arguments]

    def environment(self, extra: Json | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "PYTHONPATH")}
        return {**kept, "PYTHONPATH": str(WORKER), **(extra or {})}

    def start(self, location: Json, *options: str, env: Json | None = None) -> Worker:
        ours, theirs = socket.socketpair()
        arguments = ["--control-fd", str(theirs.fileno()), "--socket", str(self.data.path)]
        arguments += ["--location", json.dumps(location), "--scratch", str(self.root / "scratch")]
        arguments += ["--storage", str(self.root / "storage"), *options]
        with (self.root / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                self.command("serve", *arguments),
                pass_fds=[theirs.fileno()],
                env=self.environment(env),
                cwd=location["working_directory"],
                stdout=log,
                stderr=log,
            )
        theirs.close()
        worker = Worker(process, ours, self.data, self.root)
        threading.Thread(target=worker.listen, daemon=True).start()
        self.workers.append(worker)
        return worker

    def inspect(self, location: Json, cwd: str | None = None) -> tuple[int, Json]:
        done = subprocess.run(
            self.command("inspect", "--location", json.dumps(location)),
            env=self.environment(),
            cwd=cwd or location["working_directory"],
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def close(self) -> None:
        for worker in self.workers:
            forked = [message["pid"] for message in worker.messages if message["t"] == "forked"]
            ended = {message["pid"] for message in worker.messages if message["t"] == "exited"}
            for pid in set(forked) - ended:
                with connection_errors_ignored():
                    os.killpg(pid, 9)
            worker.process.kill()
            worker.process.wait()
            worker.control.close()
        self.data.stop()


def project(name: str, **target: str) -> Json:
    return {"name": name, "working_directory": str(PROJECTS / name), **target}
