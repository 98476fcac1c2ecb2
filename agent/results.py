"""Posting what came of commands: together, what comes while an earlier request is under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from agent import machine
from agent.protocol import MOST_RESULTS, CommandResult, ErrorInfo
from agent.retry import ControlPlaneError, is_retryable, until_answered

if TYPE_CHECKING:
    from agent.client import Client
    from agent.identity import Identity

# Large answers go alone: a request has to arrive in time, too.
_TOGETHER_BYTES = 1024 * 1024
# Seconds. A control plane before 1.3 has no address for many; it may be upgraded while we run.
_ALONE_FOR = 300.0
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


@dataclass(frozen=True)
class _Waiting:
    """An encoded CommandResult, and who waits for it to be stored."""

    body: bytes
    stored: asyncio.Future[None]


class Results:
    """`deliver` from any task; `run` posts."""

    def __init__(self, *, client: Client, identity: Identity) -> None:
        self._client = client
        self._identity = identity
        self._waiting: list[_Waiting] = []
        self._came = asyncio.Event()
        self._alone_until = 0.0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._came.wait()
                self._came.clear()
                while batch := self._next():
                    if not await self._posted(batch):
                        for one in batch:
                            group.create_task(self._post_alone(one))

    async def deliver(self, command_id: str, *, result: Any = None, error: ErrorInfo | None = None) -> None:
        """Have it stored, for as long as it takes; raise ControlPlaneError where it is refused."""
        message = CommandResult(agent_id=self._identity.agent_id, command_id=command_id, result=result, error=error)
        one = _Waiting(msgspec.json.encode(message), asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self._came.set()
        await one.stored

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_RESULTS:
            size += len(self._waiting[0].body)
            if batch and size > _TOGETHER_BYTES:
                break
            batch.append(self._waiting.pop(0))
        return batch

    async def _posted(self, batch: list[_Waiting]) -> bool:
        """Try once; whether all of them are stored. What is wrong with some must not keep the others: each is sent alone then."""
        try:
            if len(batch) == 1:
                await self._client.result(batch[0].body)
            elif machine.now() < self._alone_until:
                return False
            else:
                await self._client.results(self._together(batch))
        except Exception as error:
            if isinstance(error, ControlPlaneError) and len(batch) > 1 and error.status in _NOT_THERE:
                self._alone_until = machine.now() + _ALONE_FOR
            elif not isinstance(error, ControlPlaneError) and not is_retryable(error):
                raise
            return False
        for one in batch:
            _tell(one)
        return True

    def _together(self, batch: list[_Waiting]) -> bytes:
        body = {"agent_id": self._identity.agent_id, "results": [msgspec.Raw(one.body) for one in batch]}
        return msgspec.json.encode(body)

    async def _post_alone(self, one: _Waiting) -> None:
        try:
            await until_answered(lambda: self._client.result(one.body), doing="posting the result of a call")
        except ControlPlaneError as refused:
            _tell(one, refused)
        else:
            _tell(one)


def _tell(one: _Waiting, refused: ControlPlaneError | None = None) -> None:
    if one.stored.done():
        return
    if refused is None:
        one.stored.set_result(None)
    else:
        one.stored.set_exception(refused)
