"""The life of one attempt on this agent: start, watch, end, hand everything over, forget."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from agent import log, machine
from agent.attempt import Attempt, Phase, own_event
from agent.changes import first_of
from agent.executors import CodeNotLoadedError, Executor, Noting, Process, StartFailedError, StartUnconfirmedError
from agent.processes import Exit
from agent.protocol import ExitReason
from agent.reasons import explain

if TYPE_CHECKING:
    from agent.attempts import Attempts
    from agent.intake import Intake
    from agent.logs import LogShipper
    from agent.spool import NewEvent

# After a crash in the middle of a start: how long the process, if there is one, has to say hello.
HELLO_PATIENCE = 15.0
# A worker that dies this often on the same run will die again.
START_ATTEMPTS = 3
# What dead processes wrote into their sockets is still read; nothing alive writes any more.
DRAIN_PATIENCE = 3.0


class Supervisor:
    """Looks after attempts, one task each."""

    def __init__(
        self, *, attempts: Attempts, executor: Executor, intake: Intake, logs: LogShipper, start_watchdog: float
    ) -> None:
        self._attempts = attempts
        self._executor = executor
        self._intake = intake
        self._logs = logs
        # Seconds in which a forked child must have sent its first event.
        self._start_watchdog = start_watchdog

    async def look_after(self, attempt: Attempt) -> None:
        ended, failure = Exit(), None
        if not attempt.spool.ended:
            try:
                ended = await self._live(attempt)
            except CodeNotLoadedError as error:
                failure = error
            await self._clear_away(attempt)
        attempt.process_gone.set()
        self._attempts.changes.notify()
        await first_of(self._hand_over(attempt, ended, failure), attempt.dropped.wait())
        log.info("attempt.done", attempt=attempt.id, dropped=attempt.dropped.is_set())
        self._attempts.forget(attempt)

    async def _live(self, attempt: Attempt) -> Exit:
        """Start or adopt the process and see its end."""
        process = await self._begin(attempt)
        return await self._watch(attempt, process) if process else Exit()

    async def _begin(self, attempt: Attempt) -> Process | None:
        """Answer the attempt's process; None when there is none and must be none."""
        if attempt.state.phase is Phase.STARTED:
            process = self._executor.adopt(attempt)
            return await self._note_started(attempt, process) if process else None
        if not attempt.same_boot:
            return None
        if attempt.state.phase is Phase.STARTING and not await self._executor.never_started(attempt):
            return await self._adopt_unconfirmed(attempt)
        return await self._start(attempt)

    async def _start(self, attempt: Attempt) -> Process | None:
        """Fork, again if the worker died before it forked."""
        for _ in range(START_ATTEMPTS):
            if not await self._prepared(attempt):
                return None
            try:
                process = await self._executor.start(attempt, noting=self._noting(attempt))
                return await self._note_started(attempt, process)
            except StartFailedError as error:
                log.warning("attempt.start_repeated", attempt=attempt.id, reason=str(error))
            except StartUnconfirmedError:
                return await self._adopt_unconfirmed(attempt)
        raise CodeNotLoadedError(f"The code worker died {START_ATTEMPTS} times when it was asked to start this run.")

    def _noting(self, attempt: Attempt) -> Noting:
        async def note(*, starter: tuple[int, int] | None) -> None:
            await self._intake.with_room(
                attempt, lambda: _note_starting(attempt, starter, has_secrets=bool(self._intake.masks(attempt)))
            )

        return note

    async def _prepared(self, attempt: Attempt) -> bool:
        """Wait for the code; False when the attempt must not start any more."""
        ready = asyncio.ensure_future(self._executor.prepare(attempt))
        in_time = await first_of(ready, attempt.stop_requested.wait(), timeout=attempt.launch.start_timeout)
        if not ready.done():
            ready.cancel()
        if not in_time:
            attempt.stop(ExitReason.START_TIMEOUT)
        if attempt.stop_requested.is_set():
            return False
        ready.result()
        return True

    async def _adopt_unconfirmed(self, attempt: Attempt) -> Process | None:
        """The process may exist: it says so on the data socket, or it is taken for not there."""
        log.warning("attempt.start_unconfirmed", attempt=attempt.id)
        await first_of(attempt.hello, attempt.stop_requested.wait(), timeout=HELLO_PATIENCE)
        if not attempt.hello.done():
            return None
        attempt.state.pid, attempt.state.start_ticks = attempt.hello.result()
        process = self._executor.adopt(attempt)
        return await self._note_started(attempt, process) if process else None

    async def _note_started(self, attempt: Attempt, process: Process, *, again: bool = False) -> Process:
        attempt.process = process
        facts = {"pid": process.pid, "start_ticks": process.start_ticks, "mode": process.mode}
        await self._intake.with_room(attempt, lambda: attempt.update(phase=Phase.STARTED, **facts))
        if again or not attempt.spool.last_seq:
            await self._intake.store(attempt, None, [_started_event(attempt, process)])
        attempt.started.set()
        log.info("attempt.started", attempt=attempt.id, pid=process.pid, mode=process.mode)
        return process

    async def _watch(self, attempt: Attempt, process: Process) -> Exit:
        """See the process end, by itself or by us."""
        ended = asyncio.ensure_future(process.ended())
        patience = self._start_watchdog if process.mode == "warm" else attempt.launch.start_timeout
        alive = await first_of(ended, attempt.first_event.wait(), attempt.stop_requested.wait(), timeout=patience)
        if not alive:
            process.kill()
            return await self._hung(attempt, process, await ended)
        await first_of(ended, attempt.stop_requested.wait())
        if not ended.done():
            process.kill()
        return await ended

    async def _hung(self, attempt: Attempt, process: Process, ended: Exit) -> Exit:
        """A forked child that never spoke, most likely waiting for a lock that the fork copied: use a new process instead."""
        await self._clear_away(attempt)
        log.warning("attempt.hung", attempt=attempt.id, pid=process.pid, mode=process.mode)
        if process.mode != "warm" or attempt.spool.has_child_events:
            attempt.stop(ExitReason.START_TIMEOUT)
            return ended
        reason = f"a forked run sent no event within {self._start_watchdog:g} s"
        self._executor.distrust(attempt, reason)
        cold = await self._executor.start(attempt, noting=self._noting(attempt), cold=reason)
        return await self._watch(attempt, await self._note_started(attempt, cold, again=True))

    async def _clear_away(self, attempt: Attempt) -> None:
        """End what the process left behind and read the last of what it said."""
        if attempt.process is not None:
            attempt.process.reap()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(attempt.changes.until(lambda: attempt.connections == 0), DRAIN_PATIENCE)

    async def _hand_over(self, attempt: Attempt, ended: Exit, failure: CodeNotLoadedError | None) -> None:
        """Return when the control plane has every event and every byte of logs."""
        self._logs.finish(attempt)
        while True:
            if not attempt.spool.ended:
                await self._store_exit(attempt, ended, failure)
            attempt.shipped.clear()
            self._intake.ship_rest(attempt)
            await attempt.shipped.wait()
            if attempt.spool.ended and not attempt.spool.pending:
                break
        await attempt.logs_shipped.wait()

    async def _store_exit(self, attempt: Attempt, ended: Exit, failure: CodeNotLoadedError | None) -> None:
        why = explain(attempt, ended, failure)
        data: dict[str, Any] = {
            "reason": why.reason,
            "exit_code": ended.exit_code,
            "signal": ended.signal,
            "cpu_seconds": ended.cpu_seconds,
            "max_rss_bytes": ended.max_rss_bytes,
            "unsupported": attempt.state.unsupported,
        }
        event = own_event("AGENT_EXITED", why.message, level=why.level, data=data, error=why.error)
        await self._intake.store(attempt, None, [event])
        log.info("attempt.ended", attempt=attempt.id, reason=why.reason, exit_code=ended.exit_code, signal=ended.signal)


def _note_starting(attempt: Attempt, starter: tuple[int, int] | None, *, has_secrets: bool) -> None:
    """From here on the attempt counts as started, unless the mark of a fork that never was proves otherwise."""
    pid, ticks = starter or (None, None)
    attempt.write_spec()
    attempt.unforked_mark.touch() if starter else attempt.unforked_mark.unlink(missing_ok=True)
    facts = {"starter_pid": pid, "starter_ticks": ticks, "oom_kills_before": machine.oom_kills()}
    facts |= {"has_secrets": has_secrets}
    attempt.update(phase=Phase.STARTING, pid=None, start_ticks=None, **facts)


def _started_event(attempt: Attempt, process: Process) -> NewEvent:
    facts = {"pid": process.pid, "mode": process.mode, **process.facts, "version_id": attempt.launch.version_id}
    return own_event("AGENT_STARTED", f"Started as process {process.pid} ({process.mode}).", data=facts)
