"""What an executor is: it starts processes that run attempts, and ends them. How attempts are kept is not its business.

Lifecycle: `prepare` may be called at any time and waits. `start` awaits `noting`, after which the attempt's `spec.json` is on disk, and
answers when the process exists, or raises; it is called again only where certainly nothing of the user's run ran. `adopt` answers
a process that an earlier agent started. The answered Process is signalled, waited for, and in the end killed with everything it
left. All calls come from one event loop; several attempts are in flight at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from agent.protocol import ErrorInfo

if TYPE_CHECKING:
    from agent.attempt import Attempt
    from agent.processes import Exit


class CodeNotLoadedError(Exception):
    """The code location could not be loaded."""

    def __init__(self, message: str, error: ErrorInfo | None = None) -> None:
        super().__init__(message)
        self.error = error

    def as_error_info(self) -> ErrorInfo:
        return self.error or ErrorInfo(message=str(self))


class StartFailedError(Exception):
    """The process certainly does not exist: starting again is safe."""


class StartUnconfirmedError(Exception):
    """The code worker died while it was asked for a fork: the process may exist or not."""


class Process(Protocol):
    """A process that runs an attempt."""

    pid: int
    start_ticks: int
    mode: str
    facts: dict[str, Any]

    async def ended(self) -> Exit:
        """Wait for its end."""

    def signal(self, signum: int, *, group: bool) -> None:
        """Send a signal to the process, or to its whole group."""

    def kill(self) -> None:
        """End the process, its group and its descendants, at once."""

    def reap(self) -> None:
        """End what the process left behind when it ended."""


class Noting(Protocol):
    """Makes durable, just before a process may come to exist, who was asked to make it (None: the agent itself)."""

    async def __call__(self, *, starter: tuple[int, int] | None) -> None: ...


class Executor(Protocol):
    """Starts and adopts the processes of attempts."""

    async def prepare(self, attempt: Attempt) -> None:
        """Wait until a start would be immediate; raise CodeNotLoadedError when it never will be."""

    async def start(self, attempt: Attempt, *, noting: Noting, cold: str | None = None) -> Process:
        """Start an attempt; `cold` is the reason for which it must have a process of its own."""

    async def never_started(self, attempt: Attempt) -> bool:
        """Say whether a start that an agent's death interrupted surely made no process, and never will."""

    def adopt(self, attempt: Attempt) -> Process | None:
        """Answer the attempt's process if it is still alive."""

    def distrust(self, attempt: Attempt, reason: str) -> None:
        """Take note that a start of this attempt hung: what made it must not be used again."""
