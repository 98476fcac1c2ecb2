"""What children may ask on the data socket, and the answers (docs/code-worker.md, Data socket). Bytes and sockets are elsewhere."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from agent.attempt import Attempt, Phase
from agent.child_events import InvalidEventError, checked_events
from agent.files import read_or_none, write_atomically
from agent.retry import ControlPlaneError, is_retryable, until_answered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agent.attempts import Attempts
    from agent.calls import Calls
    from agent.client import Client
    from agent.identity import Identity
    from agent.intake import Intake

# Answers of reads kept for children that ask again after reconnecting.
REMEMBERED_READS = 256
REMEMBERED_READ_BYTES = 64 * 1024

NULL = b"null"
EMPTY = b"{}"

Key = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$")]


class Request(msgspec.Struct):
    """One line of a child."""

    n: int
    key: Key
    id: str
    op: str
    args: msgspec.Raw = msgspec.Raw(NULL)


class Hello(msgspec.Struct):
    """Which process speaks."""

    pid: int
    start_ticks: int
    role: Literal["run", "step", "call"]


class _Read(msgspec.Struct):
    method: str
    args: dict[str, Any] = {}


class _Exit(msgspec.Struct):
    status: str | None = None
    unsupported: list[str] = []


class RefusedError(Exception):
    """An error answer: `code` is for the child's program, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ChildRequests:
    """Answers one request at a time per connection; connections are independent of each other."""

    def __init__(self, *, attempts: Attempts, calls: Calls, intake: Intake, client: Client, identity: Identity) -> None:
        self._attempts = attempts
        self._calls = calls
        self._intake = intake
        self._client = client
        self._identity = identity
        self._reads: OrderedDict[str, asyncio.Future[bytes]] = OrderedDict()
        self._answers: dict[str, Callable[[Attempt, Request], Awaitable[bytes]]] = {
            "hello": self._hello,
            "events": self._events,
            "canceling": self._canceling,
            "own_run": self._own_run,
            "put_own_run": self._put_own_run,
            "read": self._read_for_attempt,
            "exit": self._exit,
        }

    async def answer(self, request: Request) -> bytes:
        """Answer JSON; raise RefusedError when there is nothing else to say."""
        try:
            if attempt := self._attempts.get(request.id):
                return await self._answer_attempt(attempt, request)
            if request.id in self._calls:
                return await self._answer_call(request)
        except (msgspec.MsgspecError, InvalidEventError, RecursionError) as error:
            raise RefusedError("invalid", f"The request {request.op} breaks the contract: {error}") from error
        raise RefusedError("unknown_attempt", f"No attempt or call {request.id} is on this agent.")

    def attempt_of(self, request: Request) -> Attempt | None:
        return self._attempts.get(request.id)

    async def _answer_attempt(self, attempt: Attempt, request: Request) -> bytes:
        answer = self._answers.get(request.op)
        if answer is None:
            raise RefusedError("invalid", f"There is no operation {request.op!r} for a run.")
        if attempt.spool.ended or attempt.dropped.is_set():
            raise RefusedError("attempt_ended", f"The end of {attempt.id} is already recorded; this process must exit.")
        return await answer(attempt, request)

    async def _answer_call(self, request: Request) -> bytes:
        match request.op:
            case "hello" | "exit":
                return EMPTY
            case "result":
                self._calls.answered(request.id, bytes(request.args))
                return EMPTY
            case "canceling":
                return b"false"
            case "read":
                return await self._read(request, version_id=self._calls.version_of(request.id))
        raise RefusedError("invalid", f"There is no operation {request.op!r} for a call.")

    async def _hello(self, attempt: Attempt, request: Request) -> bytes:
        hello = msgspec.json.decode(request.args, type=Hello)
        if hello.role != "run":
            return EMPTY
        if attempt.state.phase is Phase.STARTING and attempt.process is None and not attempt.hello.done():
            attempt.hello.set_result((hello.pid, hello.start_ticks))
        await attempt.started.wait()
        if hello.pid != attempt.state.pid:
            raise RefusedError("superseded", f"{attempt.id} runs in another process; this one must exit.")
        return EMPTY

    async def _events(self, attempt: Attempt, request: Request) -> bytes:
        events = checked_events(request.args)
        await attempt.started.wait()
        await self._intake.store(attempt, request.key, events)
        return EMPTY

    async def _canceling(self, attempt: Attempt, _: Request) -> bytes:
        return b"true" if attempt.canceling else b"false"

    async def _own_run(self, attempt: Attempt, _: Request) -> bytes:
        return read_or_none(_own_run_path(attempt)) or NULL

    async def _put_own_run(self, attempt: Attempt, request: Request) -> bytes:
        write_atomically(_own_run_path(attempt), bytes(request.args))
        return NULL

    async def _exit(self, attempt: Attempt, request: Request) -> bytes:
        attempt.update_if_possible(unsupported=msgspec.json.decode(request.args, type=_Exit).unsupported)
        return EMPTY

    async def _read_for_attempt(self, attempt: Attempt, request: Request) -> bytes:
        return await self._read(request, attempt=attempt)

    async def _read(self, request: Request, *, attempt: Attempt | None = None, version_id: str | None = None) -> bytes:
        """Ask the control plane, once per key, for as long as it takes to get an answer."""
        known = self._reads.get(request.key)
        if known is None:
            known = asyncio.ensure_future(self._ask(request, attempt, version_id))
            self._reads[request.key] = known
            while len(self._reads) > REMEMBERED_READS:
                self._reads.popitem(last=False)
        result = await asyncio.shield(known)
        if len(result) > REMEMBERED_READ_BYTES:
            self._reads.pop(request.key, None)
        return result

    async def _ask(self, request: Request, attempt: Attempt | None, version_id: str | None) -> bytes:
        read = msgspec.json.decode(request.args, type=_Read)
        run = attempt.ref if attempt else None
        try:
            return await until_answered(
                lambda: self._client.read(
                    self._identity.agent_id, read.method, read.args, run=run, version_id=version_id
                ),
                doing=f"reading {read.method}",
            )
        except ControlPlaneError as error:
            if is_retryable(error):
                raise
            raise RefusedError(error.code, error.detail) from error


def _own_run_path(attempt: Attempt) -> Path:
    return attempt.folder / "own_run.json"
