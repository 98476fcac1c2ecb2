"""The data socket: numbered requests to the agent, sent again with the same key until each has been answered.

Events are written to the socket at once and answered later (a window of `WINDOW`), so a log line costs no round trip
and still leaves the process immediately. No thread is involved: a thread would make forking steps unsafe.
"""

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from daggerboard_worker.bounds import encode
from daggerboard_worker.errors import AgentGoneError, AgentRefusedError, DaggerboardError

# Unanswered requests before the sender waits; the agent spools this many in well under a second.
WINDOW = 256
# Answers are collected once this many are outstanding, so that neither side's socket buffer fills up.
COLLECT_AFTER = 64
# How long a run survives without its agent: a restart, an upgrade, a hand-over to the replacement.
PATIENCE_SECONDS = float(os.environ.get("DAGGERBOARD_AGENT_PATIENCE_SECONDS", "600"))
RETRY_SECONDS = 0.2
# The attempt belongs to another process now, or is over: nothing we could still say would be heard.
NOT_OURS_ANY_MORE = frozenset({"superseded", "attempt_ended", "unknown_attempt"})
EXIT_NOT_OURS = 75


@dataclass(frozen=True)
class Request:
    n: int
    line: bytes
    wants_answer: bool
    greets: bool = False


class AgentConnection:
    """One per process; safe for threads, for signal handlers that log, and for interrupts in the middle of a send."""

    def __init__(self, *, path: str, subject: str, role: str) -> None:
        self.path = path
        self.subject = subject
        self.role = role
        self._key = f"{os.getpid()}.{time.time_ns()}"
        self._count = 0
        self._unanswered: deque[Request] = deque()
        self._sent = 0
        self._answers: dict[int, Any] = {}
        self._refusal: AgentRefusedError | None = None
        self._socket: socket.socket | None = None
        self._received = b""
        self._next_attempt = 0.0
        self._busy = False
        self._lock = threading.RLock()

    def post(self, op: str, args: object) -> None:
        """Send without waiting for the answer. Waits only when the window is full."""
        with self._lock:
            self._enqueue(op, args, wants_answer=False)
            with self._exclusively() as free:
                if not free:
                    return
                self._send_pending(wait=False)
                if self._socket is not None and len(self._unanswered) >= COLLECT_AFTER:
                    self._collect(wait=False)
                if len(self._unanswered) >= WINDOW:
                    self._settle(down_to=WINDOW // 2)

    def ask(self, op: str, args: object = None) -> Any:
        """Send, and wait for everything sent so far and for this answer."""
        with self._lock:
            if self._busy:
                raise DaggerboardError(f"A signal handler asked the agent ({op}) while a request was being sent.")
            request = self._enqueue(op, args, wants_answer=True)
            self.flush()
            return self._answers.pop(request.n, None)

    def flush(self) -> None:
        """Wait until the agent has stored everything sent so far."""
        with self._lock:
            with self._exclusively() as free:
                if free:
                    self._settle(down_to=0)
            refusal, self._refusal = self._refusal, None
            if refusal is not None:
                raise refusal

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    @contextmanager
    def _exclusively(self) -> Iterator[bool]:
        """False inside a signal handler that interrupted us: the interrupted call sends what was added."""
        if self._busy:
            yield False
            return
        self._busy = True
        try:
            yield True
        except BaseException:
            # Half a line may be on the wire: start over on a new connection, with the same keys.
            self._disconnect()
            raise
        finally:
            self._busy = False

    def _enqueue(self, op: str, args: object, *, wants_answer: bool) -> Request:
        request = Request(*self._numbered(op, args), wants_answer)
        self._unanswered.append(request)
        return request

    def _numbered(self, op: str, args: object) -> tuple[int, bytes]:
        self._count += 1
        n = self._count
        message = {"n": n, "key": f"{self._key}:{n}", "id": self.subject, "op": op, "args": args}
        return n, encode(message) + b"\n"

    def _settle(self, *, down_to: int) -> None:
        while len(self._unanswered) > down_to:
            self._send_pending(wait=True)
            self._collect(wait=True)

    def _send_pending(self, *, wait: bool) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._sent < len(self._unanswered) or self._socket is None:
            try:
                if self._socket is None and not self._connect(wait=wait):
                    return
                self._send_next()
            except OSError as error:
                self._collect_rest()
                self._disconnect()
                if time.monotonic() > deadline:
                    raise AgentGoneError(
                        f"The agent at {self.path} has been gone for {PATIENCE_SECONDS:g} s."
                    ) from error

    def _send_next(self) -> None:
        if self._sent < len(self._unanswered):
            assert self._socket is not None
            self._socket.sendall(self._unanswered[self._sent].line)
            self._sent += 1

    def _connect(self, *, wait: bool) -> bool:
        """One attempt; paced, so that an absent agent costs a busy logger nothing."""
        pause = self._next_attempt - time.monotonic()
        if pause > 0 and not wait:
            return False
        time.sleep(max(0.0, pause))
        self._next_attempt = time.monotonic() + RETRY_SECONDS
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            if not wait:
                return False
            raise
        self._socket = connection
        self._greet()
        return True

    def _greet(self) -> None:
        hello = {"pid": os.getpid(), "start_ticks": start_ticks(os.getpid()), "role": self.role}
        self._unanswered.appendleft(Request(*self._numbered("hello", hello), wants_answer=False, greets=True))

    def _disconnect(self) -> None:
        self.close()
        self._received = b""
        self._sent = 0
        while self._unanswered and self._unanswered[0].greets:
            self._unanswered.popleft()

    def _collect(self, *, wait: bool) -> bool:
        """Take in answers: what is there, or at least one. Whether any came."""
        if self._socket is None:
            return False
        try:
            chunk = self._socket.recv(65536, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._disconnect()
            return False
        *lines, self._received = (self._received + chunk).split(b"\n")
        for line in lines:
            self._answered(json.loads(line))
        return True

    def _collect_rest(self) -> None:
        """Answers that arrived before the connection broke still count; without them a flaky agent stops all progress."""
        while self._socket is not None and self._collect(wait=False):
            pass

    def _answered(self, answer: dict[str, Any]) -> None:
        request = self._unanswered.popleft()
        self._sent -= 1
        if answer["n"] != request.n:
            raise AgentRefusedError("out_of_order", f"The agent answered request {answer['n']} before {request.n}.")
        if "error" in answer:
            if answer["error"]["code"] in NOT_OURS_ANY_MORE:
                os._exit(EXIT_NOT_OURS)
            self._refusal = AgentRefusedError(answer["error"]["code"], answer["error"]["message"])
        elif request.wants_answer:
            self._answers[request.n] = answer.get("ok")


_connection: AgentConnection | None = None


def connect(*, path: str, subject: str, role: str = "step") -> AgentConnection:
    """The connection of this process. Whoever starts a run or call connects first; processes forked or spawned by it are steps."""
    global _connection  # noqa: PLW0603 - one per process is the contract
    if _connection is None or _connection.subject != subject:
        _connection = AgentConnection(path=path, subject=subject, role=role)
    return _connection


def use(other: Any) -> None:
    """In place of a socket: what answers those who connect with its subject (in_process.py)."""
    global _connection  # noqa: PLW0603 - one per process is the contract
    _connection = other


def _forget_in_child() -> None:
    global _connection  # noqa: PLW0603 - the parent delivers what it had queued; the child starts afresh
    if _connection is not None:
        _connection.close()
    _connection = None


os.register_at_fork(after_in_child=_forget_in_child)


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot: with the pid, its identity."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - on the path of every fork
        return int(file.read().rpartition(b")")[2].split()[19])
