"""A control plane that keeps everything in memory and speaks agent.protocol over real HTTP, with faults on request."""

import contextlib
import gzip
import hashlib
import threading
import time
import uuid
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec

from agent import protocol as wire
from tests.agent.faults import Faults, RefusedError, ReplyDroppedError

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "agent-token-for-tests"
# Leases that outlive any pause of a loaded machine; SHORT_LEASES are for what happens when they end.
TIMING = wire.Timing(poll_wait=2.0, heartbeat=0.3, lease=120.0, lease_grace=1.0, event_flush=0.05, log_flush=0.05)
SHORT_LEASES = msgspec.structs.replace(TIMING, lease=3.0)


class StoredAttempt:
    """What the real one has in tables."""

    def __init__(self, launch: wire.Launch) -> None:
        self.launch = launch
        self.events: list[dict[str, Any]] = []
        self.duplicates = 0
        self.fenced = False
        self.canceling = False
        self.logs: dict[tuple[str, str], bytes] = defaultdict(bytes)
        self.closed: set[tuple[str, str]] = set()
        self.arrived_at: dict[str, float] = {}

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def exited(self) -> dict[str, Any] | None:
        return self.events[-1]["data"] if self.events and self.events[-1]["type"] == "AGENT_EXITED" else None

    @property
    def messages(self) -> list[str]:
        return [event["message"] for event in self.events if event["type"] == "LOG"]

    @property
    def ref(self) -> wire.AttemptRef:
        spec = self.launch.spec
        return wire.AttemptRef(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch)

    def store(self, events: list[wire.Event]) -> int:
        for event in events:
            if event.seq <= len(self.events):
                self.duplicates += 1
            elif event.seq == len(self.events) + 1:
                self.events.append(msgspec.to_builtins(event))
                self.arrived_at.setdefault(event.type, time.time())
        return len(self.events)


class FakeControlPlane:
    """Holds the truth; the handler below only translates HTTP."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.faults = Faults()
        self.timing = TIMING
        self.token = TOKEN
        # With one, the token is good for registering only. Polls bring `next_credential` when there is one.
        self.credential: str | None = None
        self.next_credential: str | None = None
        self.proofs: Counter[tuple[str, str]] = Counter()
        self.attempts: dict[str, StoredAttempt] = {}
        self.commands: dict[str, wire.Command] = {}
        self.delivered: Counter[str] = Counter()
        self.accepted: list[str] = []
        self.never_accept = False
        self.desired = wire.Desired(etag="0", locations=[])
        self.results: dict[str, wire.CommandResult] = {}
        # How many came in each request that brought several.
        self.together: list[int] = []
        self.reports: list[wire.LocationReport] = []
        self.definitions: dict[str, bytes] = {}
        self.sources: dict[str, bytes] = {}
        self.registrations: list[wire.Register] = []
        self.polls: list[wire.Poll] = []
        self.heartbeats: list[wire.Heartbeat] = []
        self.goodbyes: list[wire.Goodbye] = []
        self.reads: list[wire.Read] = []
        self.environments: dict[str, wire.LocationEnvironment] = {}
        self.environment_asks: list[wire.EnvironmentAsk] = []
        self.requests: Counter[str] = Counter()
        self.log_cap = 1 << 40
        self.store_at_most = 1 << 40
        self.clock_ahead = 0.0
        self.answer_read: Callable[[wire.Read], Any] = lambda read: {"method": read.method, "args": read.args}

    # ---- what tests do

    def start(self, port: int = 0) -> "FakeControlPlane":
        handler = type("Handler", (_Handler,), {"plane": self})
        self.server = _Server(("127.0.0.1", port), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.server.close_connections()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, *locations: wire.DesiredLocation) -> None:
        with self.changed:
            self.desired = wire.Desired(etag=str(int(self.desired.etag) + 1), locations=list(locations))
            self.changed.notify_all()

    def send(self, command: wire.Command) -> str:
        with self.changed:
            self.commands[command.command_id] = command
            self.changed.notify_all()
        return command.command_id

    def launch(self, version_id: str, **fields: Any) -> StoredAttempt:
        """Queue a run and answer its attempt."""
        extra = {name: fields.pop(name) for name in ("start_timeout", "env") if name in fields}
        spec = wire.RunSpec(**{"run_id": str(uuid.uuid4()), "attempt": 1, "epoch": 1, "job": "job", **fields})
        launch = wire.Launch(
            command_id=str(uuid.uuid4()),
            version_id=version_id,
            spec=spec,
            run_token="run-token",
            **{"start_timeout": 100.0, **extra},
        )
        attempt = StoredAttempt(launch)
        with self.lock:
            self.attempts[f"{spec.run_id}/{spec.attempt}"] = attempt
        self.send(launch)
        return attempt

    def cancel(self, attempt: StoredAttempt, grace: float = 100.0) -> None:
        attempt.canceling = True
        ref = msgspec.structs.asdict(attempt.ref)
        self.send(wire.Cancel(command_id=str(uuid.uuid4()), grace=grace, **ref))

    def call(self, version_id: str, op: str, args: dict[str, Any], timeout: float = 100.0) -> str:
        return self.send(
            wire.Call(command_id=str(uuid.uuid4()), version_id=version_id, op=op, args=args, timeout=timeout)
        )

    # ---- endpoints

    def register(self, message: wire.Register) -> wire.Registered:
        self.registrations.append(message)
        return wire.Registered(
            agent_id=f"agent-{message.name}",
            organization="demo",
            timing=self.timing,
            server_time=time.time() + self.clock_ahead,
            credential=self.credential,
        )

    def poll(self, message: wire.Poll) -> wire.Work:
        deadline = time.monotonic() + self.timing.poll_wait
        with self.changed:
            self.polls.append(message)
            if not self.never_accept:
                for command_id in message.accepted:
                    self.accepted.append(command_id)
                    self.commands.pop(command_id, None)
            while not (work := self._work(message)) and time.monotonic() < deadline:
                self.changed.wait(max(0.0, deadline - time.monotonic()))
        return msgspec.structs.replace(work or wire.Work(), credential=self.next_credential)

    def _work(self, message: wire.Poll) -> wire.Work | None:
        desired = self.desired if message.desired_etag != self.desired.etag else None
        free, commands = message.free_slots, []
        for command in self.commands.values():
            known = self.delivered[command.command_id] > 0
            if isinstance(command, wire.Launch) and not known:
                if free <= 0:
                    continue
                free -= 1
            commands.append(command)
        # Whatever is not accepted is delivered again with the next poll.
        self.delivered.update(command.command_id for command in commands)
        return wire.Work(commands=commands, desired=desired) if commands or desired else None

    def heartbeat(self, message: wire.Heartbeat) -> wire.Leases:
        self.heartbeats.append(message)
        held = [(ref, self._held(ref)) for ref in message.attempts]
        return wire.Leases(
            lost=[ref for ref, attempt in held if attempt is None],
            cancel=[ref for ref, attempt in held if attempt and attempt.canceling],
        )

    def events(self, message: wire.EventBatch) -> wire.EventsStored:
        with self.changed:
            answer = []
            for part in message.attempts:
                held = self._held(wire.AttemptRef(run_id=part.run_id, attempt=part.attempt, epoch=part.epoch))
                stored = held.store(part.events[: self.store_at_most]) if held else 0
                answer.append(
                    wire.AttemptStored(run_id=part.run_id, attempt=part.attempt, stored=stored, fenced=held is None)
                )
            self.changed.notify_all()
            return wire.EventsStored(attempts=answer)

    def logs(self, message: wire.LogBatch) -> wire.LogsStored:
        return wire.LogsStored(chunks=[self._store_log(chunk) for chunk in message.chunks])

    def _store_log(self, chunk: wire.LogChunk) -> wire.LogStored:
        held = self._held(wire.AttemptRef(run_id=chunk.run_id, attempt=chunk.attempt, epoch=chunk.epoch))
        about = {"run_id": chunk.run_id, "attempt": chunk.attempt, "log_key": chunk.log_key, "stream": chunk.stream}
        if held is None:
            return wire.LogStored(**about, size=0, fenced=True)
        key = (chunk.log_key, chunk.stream.value)
        size = len(held.logs[key])
        if chunk.offset <= size:
            held.logs[key] += chunk.data[size - chunk.offset :][: self.log_cap - size]
            if chunk.final:
                held.closed.add(key)
        return wire.LogStored(**about, size=len(held.logs[key]), full=len(held.logs[key]) >= self.log_cap)

    def result(self, message: wire.CommandResult) -> None:
        self.results[message.command_id] = message

    def many_results(self, message: wire.CommandResults) -> None:
        self.together.append(len(message.results))
        for one in message.results:
            self.result(one)

    def missing(self, message: wire.DefinitionsHave) -> wire.DefinitionsMissing:
        return wire.DefinitionsMissing(sha256s=[one for one in message.sha256s if one not in self.definitions])

    def upload(self, sha256: str, body: bytes) -> None:
        data = gzip.decompress(body)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RefusedError(400, "wrong_hash")
        self.definitions[sha256] = data

    def source(self, sha256: str) -> bytes:
        if sha256 not in self.sources:
            raise RefusedError(404, "not_found")
        return self.sources[sha256]

    def location(self, message: wire.LocationReport) -> None:
        self.reports.append(message)

    def read(self, message: wire.Read) -> wire.ReadAnswer:
        self.reads.append(message)
        if message.method == "unknown":
            raise RefusedError(404, "unsupported")
        return wire.ReadAnswer(result=self.answer_read(message))

    def environment(self, message: wire.EnvironmentAsk) -> wire.LocationEnvironment:
        self.environment_asks.append(message)
        if message.version_id not in self.environments:
            raise RefusedError(404, "not_found")
        return self.environments[message.version_id]

    def goodbye(self, message: wire.Goodbye) -> None:
        self.goodbyes.append(message)

    def _held(self, ref: wire.AttemptRef) -> StoredAttempt | None:
        attempt = self.attempts.get(f"{ref.run_id}/{ref.attempt}")
        return attempt if attempt and not attempt.fenced and attempt.ref.epoch == ref.epoch else None


_JSON_ENDPOINTS: dict[str, tuple[str, type[Any]]] = {
    "register": ("register", wire.Register),
    "poll": ("poll", wire.Poll),
    "heartbeat": ("heartbeat", wire.Heartbeat),
    "events": ("events", wire.EventBatch),
    "results": ("result", wire.CommandResult),
    "results/many": ("many_results", wire.CommandResults),
    "definitions/missing": ("missing", wire.DefinitionsHave),
    "locations": ("location", wire.LocationReport),
    "environment": ("environment", wire.EnvironmentAsk),
    "read": ("read", wire.Read),
    "goodbye": ("goodbye", wire.Goodbye),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self.open_sockets: set[Any] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def close_connections(self) -> None:
        for request in self.open_sockets:
            request.close() if request.fileno() < 0 else _reset(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that agents drop are part of the tests."""


def _reset(connection: Any) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    plane: FakeControlPlane
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path = self.path.removeprefix("/agent/v1/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.plane.requests[path.split("/")[0]] += 1
        try:
            self.plane.faults.before(path)
            self._check_token(path.split("/")[0])
            answer = self._dispatch(path, body)
            self.plane.faults.after(path)
        except ReplyDroppedError:
            self.close_connection = True
            _reset(self.connection)
        except RefusedError as refused:
            self._reply(
                refused.status, {"type": "error", "errors": [{"code": refused.code, "detail": refused.code}]}, refused
            )
        else:
            self._reply(200, {} if answer is None else answer)

    def _check_token(self, path: str) -> None:
        proof = self.headers["Authorization"].removeprefix("Bearer ")
        self.plane.proofs[path, proof] += 1
        wanted = self.plane.token if path == "register" else self.plane.credential or self.plane.token
        if proof not in {wanted, self.plane.next_credential if path != "register" else wanted}:
            raise RefusedError(401, "authentication_failed")

    def _dispatch(self, path: str, body: bytes) -> Any:
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if path == "logs":
            return self.plane.logs(msgspec.msgpack.decode(body, type=wire.LogBatch))
        if self.command == "GET":
            return self.plane.source(path.split("/")[1])
        if self.command == "PUT":
            return self.plane.upload(path.split("/")[1], body)
        method, message = _JSON_ENDPOINTS[path]
        return getattr(self.plane, method)(msgspec.json.decode(body, type=message))

    def _reply(self, status: int, answer: Any, refused: RefusedError | None = None) -> None:
        body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        self.send_response(status)
        if refused and refused.retry_after is not None:
            self.send_header("Retry-After", str(refused.retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass
