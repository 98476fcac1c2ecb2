"""Runs attempts as processes of this machine: forked by the location's code worker, or cold, in a process of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agent import log
from agent.changes import first_of
from agent.executors import CodeNotLoadedError, StartFailedError, StartUnconfirmedError
from agent.processes import Exit, Reaper, is_alive, kill_family, reap_group, send_signal, start_ticks
from agent.worker_link import Fork, LinkLostError
from agent.worker_process import WorkerProcess, WorkerSettings, spawn_cold

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from agent.attempt import Attempt
    from agent.executors import Noting
    from agent.locations import Locations
    from agent.protocol import DesiredLocation


# Seconds in which a worker must have forked.
FORK_PATIENCE = 30.0


class LocalProcess:
    """A process with a group of its own."""

    def __init__(
        self,
        *,
        pid: int,
        ticks: int,
        mode: str,
        reaper: Reaper,
        facts: dict[str, Any] | None = None,
        fork: Fork | None = None,
        popen: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.pid = pid
        self.start_ticks = ticks
        self.mode = mode
        self.facts = facts or {}
        self._fork = fork
        self._popen = popen
        self._ended = asyncio.ensure_future(self._wait(reaper))

    async def ended(self) -> Exit:
        return await asyncio.shield(self._ended)

    def signal(self, signum: int, *, group: bool) -> None:
        send_signal(self.pid, self.start_ticks, signum, group=group)

    def kill(self) -> None:
        kill_family(self.pid, self.start_ticks)

    def reap(self) -> None:
        reap_group(self.pid, self.start_ticks)

    async def _wait(self, reaper: Reaper) -> Exit:
        """The worker tells how its child ended; when the worker is gone the child is ours, or nobody's."""
        if self._fork is not None:
            try:
                return await self._fork.exited
            except LinkLostError:
                pass
        ended = await reaper.wait(self.pid, self.start_ticks)
        if self._popen is not None:
            self._popen.returncode = ended.exit_code or 0  # collected by the reaper: Popen must not look for it
        return ended


class ProcessExecutor:
    """The executor for code on the agent's own machine."""

    def __init__(self, *, locations: Locations, settings: WorkerSettings, reaper: Reaper) -> None:
        self._locations = locations
        self._settings = settings
        self._reaper = reaper

    async def prepare(self, attempt: Attempt) -> None:
        await self._locations.ready(attempt.launch.version_id)

    async def start(self, attempt: Attempt, *, noting: Noting, cold: str | None = None) -> LocalProcess:
        if cold is not None:
            location = await self._locations.startable(attempt.launch.version_id)
            await noting(starter=None)
            return self._start_cold(attempt, location, cold)
        worker = await self._locations.ready(attempt.launch.version_id)
        await noting(starter=worker.identity)
        return await self._fork(attempt, worker)

    async def never_started(self, attempt: Attempt) -> bool:
        pid, ticks = attempt.state.starter_pid, attempt.state.starter_ticks
        if pid is None or ticks is None:
            return False
        # Until it has noticed that its agent is gone, it may still read the request and fork.
        return await self._locations.has_let_go(pid, ticks) and attempt.unforked_mark.exists()

    def adopt(self, attempt: Attempt) -> LocalProcess | None:
        pid, ticks = attempt.state.pid, attempt.state.start_ticks
        if pid is None or ticks is None or not attempt.same_boot or not is_alive(pid, ticks):
            return None
        return self._local(pid=pid, ticks=ticks, mode=attempt.state.mode or "unknown")

    def distrust(self, attempt: Attempt, reason: str) -> None:
        self._locations.distrust(attempt.launch.version_id, reason)

    async def _fork(self, attempt: Attempt, worker: WorkerProcess) -> LocalProcess:
        try:
            fork = await worker.link.fork(
                "run", attempt.id, attempt_dir=str(attempt.folder), spec=attempt.spec, env=self._env(attempt)
            )
            if not await first_of(fork.forked, fork.exited, timeout=FORK_PATIENCE):
                log.error("worker.hung", pid=worker.pid, attempt=attempt.id, effect="killed, and replaced")
                worker.kill()
                await first_of(fork.forked, fork.exited)
            if not fork.forked.done():
                raise CodeNotLoadedError(
                    "The code worker could not fork; the machine may be out of memory or processes."
                )
            pid, ticks = fork.forked.result()
        except LinkLostError:
            await worker.gone.wait()
            if attempt.unforked_mark.exists():
                raise StartFailedError("The code worker died before it forked.") from None
            raise StartUnconfirmedError from None
        facts = {"mode_reason": worker.mode_reason, "worker_pid": worker.pid}
        return self._local(pid=pid, ticks=ticks, mode=worker.mode, facts=facts, fork=fork)

    def _start_cold(self, attempt: Attempt, location: DesiredLocation | None, reason: str) -> LocalProcess:
        if location is None:
            raise CodeNotLoadedError(
                f"This agent does not serve the location version {attempt.launch.version_id} any more."
            )
        popen = spawn_cold(
            location=location,
            environment=self._locations.environment(attempt.launch.version_id),
            attempt_folder=attempt.folder,
            env=self._env(attempt),
            settings=self._settings,
        )
        ticks = start_ticks(popen.pid) or 0
        facts = {"mode_reason": reason}
        return self._local(pid=popen.pid, ticks=ticks, mode="cold", facts=facts, popen=popen)

    def _local(self, **about: Any) -> LocalProcess:
        return LocalProcess(**about, reaper=self._reaper)

    def _env(self, attempt: Attempt) -> Mapping[str, str]:
        location = self._locations.desired(attempt.launch.version_id)
        return {
            **({"DAGGERBOARD_DEPLOYMENT": location.deployment} if location else {}),
            **attempt.launch.env,
            "DAGGERBOARD_RUN_ID": attempt.launch.spec.run_id,
            "DAGGERBOARD_RUN_ATTEMPT": str(attempt.launch.spec.attempt),
            "DAGGERBOARD_RUN_TOKEN": attempt.launch.run_token,
        }
