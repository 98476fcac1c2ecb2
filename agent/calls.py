"""Short questions to user code: a fork each, a deadline each, and an answer that reaches the control plane."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.call_answers import outcome
from agent.changes import first_of
from agent.executors import CodeNotLoadedError
from agent.files import is_safe_name, private_folder, write_atomically
from agent.processes import kill_family
from agent.protocol import AGENT_RESTARTED, Call, ErrorInfo
from agent.retry import ControlPlaneError
from agent.turns import Turns
from agent.worker_link import Fork, LinkLostError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.environment import Environments
    from agent.locations import Locations
    from agent.results import Results

# User code mostly waits; more than these only slow each other down.
CALLS_FOR_EACH_CORE = 4
# Seconds that a process has to end after it has answered.
ENDING = 5.0


class Calls:
    """Calls that are not answered yet. A call that was under way when the agent died is answered with an error."""

    def __init__(
        self, *, folder: Path, locations: Locations, results: Results, environments: Environments, at_once: int
    ) -> None:
        self._folder = private_folder(folder)
        self._locations = locations
        self._results = results
        self._environments = environments
        self._turns = Turns(at_once or CALLS_FOR_EACH_CORE * (os.cpu_count() or 1))
        self._calls: dict[str, tuple[Call, asyncio.Future[bytes]]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the tasks of all calls."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._results.run())
            for path in self._folder.glob("*.json"):
                restarted = ErrorInfo(message="The agent restarted during the call; ask again.", cls=AGENT_RESTARTED)
                self.start(self.post(path.stem, error=restarted))
            await asyncio.Event().wait()

    def __contains__(self, an_id: str) -> bool:
        return an_id in self._calls

    def version_of(self, an_id: str) -> str:
        return self._calls[an_id][0].version_id

    def accept(self, call: Call) -> None:
        if call.command_id in self._calls:
            return
        if not is_safe_name(call.command_id):
            raise ValueError(f"{call.command_id!r} is not a command id")
        write_atomically(self._path(call.command_id), b"{}")
        self._calls[call.command_id] = (call, asyncio.get_running_loop().create_future())
        self.start(self._answer(call))

    def answered(self, an_id: str, result: bytes) -> None:
        """Take the result a child sent; raise if it is not JSON that can be passed on."""
        msgspec.json.decode(result)
        future = self._calls[an_id][1]
        if not future.done():
            future.set_result(result)

    def start(self, work: Any) -> None:
        """Run something in the background until the agent ends."""
        assert self._group is not None, "calls are taken only while `run` runs"
        self._group.create_task(work)

    async def post(self, command_id: str, *, result: Any = None, error: ErrorInfo | None = None) -> None:
        """Deliver the result of a command, of any kind, for as long as it takes."""
        try:
            await self._results.deliver(command_id, result=result, error=error)
        except ControlPlaneError as refused:
            log.warning("call.result_refused", call=command_id, error=str(refused))
            await self._say_refused(command_id, refused)
        self._calls.pop(command_id, None)
        self._path(command_id).unlink(missing_ok=True)

    async def _say_refused(self, command_id: str, refused: ControlPlaneError) -> None:
        """Whoever asked learns why there is no answer, instead of waiting for it; unless this is refused as well."""
        message = f"The answer was not accepted by the control plane: {refused}"
        with contextlib.suppress(ControlPlaneError):
            await self._results.deliver(command_id, error=ErrorInfo(message=message))

    async def _answer(self, call: Call) -> None:
        try:
            async with asyncio.timeout(call.timeout):
                answer = await self._ask(call)
                result, error = outcome(call.op, answer, await self._environments.known_masks(call.version_id))
        except TimeoutError:
            await self.post(call.command_id, error=ErrorInfo(message=f"{call.op} took longer than {call.timeout:g} s."))
        except CodeNotLoadedError as failure:
            await self.post(call.command_id, error=failure.as_error_info())
        else:
            await self.post(call.command_id, result=result, error=error)

    async def _ask(self, call: Call) -> bytes:
        """Fork, again if the worker died under it: a call changes nothing."""
        while True:
            worker = await self._locations.ready(call.version_id)
            try:
                async with self._turns.one():
                    fork = await worker.link.fork(
                        "call", call.command_id, op=call.op, args=call.args, env=self._env(call)
                    )
                    return await self._result(call, fork)
            except LinkLostError:
                log.warning("call.repeated", call=call.command_id, op=call.op, reason="the code worker died")

    async def _result(self, call: Call, fork: Fork) -> bytes:
        result = self._calls[call.command_id][1]
        try:
            await first_of(result, fork.exited)
            if result.done() and not result.cancelled():
                return result.result()
            ended = fork.exited.result()
            how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.exit_code}"
            raise CodeNotLoadedError(f"The process that answered {call.op} ended without an answer ({how}).")
        finally:
            if result.done() and not result.cancelled():
                self.start(_left_to_end(fork))
            else:
                _kill(fork)

    def _env(self, call: Call) -> dict[str, str]:
        location = self._locations.desired(call.version_id)
        return {"DAGGERBOARD_DEPLOYMENT": location.deployment} if location else {}

    def _path(self, command_id: str) -> Path:
        return self._folder / f"{command_id}.json"


async def _left_to_end(fork: Fork) -> None:
    """It has answered, and ends in a moment: looking for its family costs more than the call did."""
    await asyncio.wait({fork.exited}, timeout=ENDING)
    _kill(fork)


def _kill(fork: Fork) -> None:
    """Unless it has ended; a code worker that died leaves what its children started."""
    has_ended = fork.exited.done() and not fork.exited.exception()
    if fork.forked.done() and not fork.forked.exception() and not has_ended:
        kill_family(*fork.forked.result())
