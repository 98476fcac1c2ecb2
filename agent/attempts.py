"""The registry of attempts on this agent: accept, find, adopt, cancel. What happens to each is in supervisor.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent import log, machine
from agent.attempt import Attempt, accept, attempt_id, folder_name, reopen
from agent.cancel import escalate
from agent.changes import Changes
from agent.protocol import AttemptRef, ExitReason, Launch

if TYPE_CHECKING:
    from pathlib import Path

    from agent.supervisor import Supervisor


class Attempts:
    """Attempts by id, from acceptance until everything of them is stored by the control plane."""

    def __init__(self, *, folder: Path) -> None:
        self.changes = Changes()
        self._folder = folder
        self._attempts: dict[str, Attempt] = {}
        self._supervisor: Supervisor | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self, supervisor: Supervisor, *, renewed_at: float) -> None:
        """Own the tasks of all attempts, first of those that an earlier agent process left."""
        async with asyncio.TaskGroup() as group:
            self._supervisor, self._group = supervisor, group
            for folder in sorted(self._folder.iterdir()):
                if attempt := reopen(folder, renewed_at=renewed_at):
                    self._adopt(attempt)
            await asyncio.Event().wait()

    def accept(self, launch: Launch, *, renewed_at: float) -> None:
        """Make a launch durable. An attempt that is known already is left alone."""
        if attempt_id(launch) in self._attempts:
            return
        folder_name(launch)
        attempt = accept(self._folder, launch, renewed_at=renewed_at)
        self._attempts[attempt.id] = attempt
        log.info("attempt.accepted", attempt=attempt.id, job=launch.spec.job, version=launch.version_id)
        self._look_after(attempt)

    def get(self, an_id: str) -> Attempt | None:
        return self._attempts.get(an_id)

    def find(self, ref: AttemptRef) -> Attempt | None:
        """Answer the attempt only if the epoch is the one we hold."""
        attempt = self._attempts.get(f"{ref.run_id}/{ref.attempt}")
        return attempt if attempt and attempt.ref.epoch == ref.epoch else None

    def all(self) -> list[Attempt]:
        return list(self._attempts.values())

    @property
    def running(self) -> int:
        """Answer how many slots are taken: attempts whose process has not ended."""
        return sum(not attempt.process_gone.is_set() for attempt in self._attempts.values())

    @property
    def pending_events(self) -> int:
        return sum(attempt.spool.pending for attempt in self._attempts.values())

    def cancel(self, ref: AttemptRef, *, grace: float) -> None:
        """Begin to cancel; the second time is harmless."""
        attempt = self.find(ref)
        if attempt is None or attempt.canceling or attempt.process_gone.is_set():
            return
        log.info("attempt.cancel", attempt=attempt.id, grace=grace)
        attempt.update_if_possible(cancel_grace=grace)
        self._escalate(attempt)

    def lose(self, ref: AttemptRef) -> None:
        """Give up an attempt that belongs to somebody else now: kill it, send nothing of it any more."""
        if attempt := self.find(ref):
            log.warning("attempt.lost", attempt=attempt.id)
            attempt.stop(ExitReason.LEASE_LOST, drop=True)

    def forget(self, attempt: Attempt) -> None:
        self._attempts.pop(attempt.id, None)
        attempt.remove()
        self.changes.notify()

    def _adopt(self, attempt: Attempt) -> None:
        self._attempts[attempt.id] = attempt
        since_renewal = machine.now() - attempt.renewed_at
        log.info("attempt.adopted", attempt=attempt.id, phase=attempt.state.phase, seconds_since_renewal=since_renewal)
        self._look_after(attempt)
        if attempt.canceling:
            self._escalate(attempt)

    def _look_after(self, attempt: Attempt) -> None:
        assert self._group is not None, "attempts are taken only while `run` runs"
        assert self._supervisor is not None
        self._group.create_task(self._supervisor.look_after(attempt))
        self.changes.notify()

    def _escalate(self, attempt: Attempt) -> None:
        assert self._group is not None, "attempts are cancelled only while `run` runs"
        self._group.create_task(escalate(attempt))
