"""Cancelling one attempt: SIGINT, which dagster turns into a clean end; then SIGTERM; then SIGKILL."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from agent import log
from agent.changes import first_of
from agent.protocol import ExitReason

if TYPE_CHECKING:
    from agent.attempt import Attempt


async def escalate(attempt: Attempt) -> None:
    """Return when the attempt's process has ended or will never start."""
    attempt.stop(ExitReason.CANCELED) if attempt.process is None and not attempt.started.is_set() else None
    grace = attempt.state.cancel_grace or 0.0
    # Only the run's own process is interrupted: dagster ends its step processes itself.
    for signum, group in ((signal.SIGINT, False), (signal.SIGTERM, True)):
        if attempt.process is None or attempt.process_gone.is_set():
            return
        log.info("attempt.signalled", attempt=attempt.id, signal=signum.name, pid=attempt.process.pid)
        attempt.process.signal(signum, group=group)
        if await first_of(attempt.process_gone.wait(), timeout=grace):
            return
    log.warning("attempt.killed", attempt=attempt.id, reason="it did not end after SIGINT and SIGTERM", grace=grace)
    attempt.stop(ExitReason.CANCELED)
