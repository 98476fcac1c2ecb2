"""Why an attempt ended, in words a person understands. Decides nothing but words and ExitReason."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agent import machine
from agent.attempt import Attempt, Phase
from agent.protocol import ExitReason

if TYPE_CHECKING:
    from agent.executors import CodeNotLoadedError
    from agent.processes import Exit

# A process killed without a known killer is taken for out of memory when it held this share of what it could have.
OOM_SHARE = 0.85
_INFO, _ERROR = 20, 40
_LOG_TAIL = 2000


class Explanation(NamedTuple):
    """The last event of an attempt, almost."""

    reason: ExitReason
    message: str
    level: int
    error: dict[str, Any] | None = None


def explain(attempt: Attempt, ended: Exit, failure: CodeNotLoadedError | None) -> Explanation:
    """Why the process of an attempt ended, and what to do; `failure` is set where it never started."""
    if attempt.spool.terminal:
        return Explanation(ExitReason.FINISHED, "The run's process has ended.", _INFO)
    if failure is not None:
        error = msgspec.to_builtins(failure.as_error_info())
        return Explanation(ExitReason.CODE_NOT_LOADED, f"The run did not start. {failure}", _ERROR, error)
    if attempt.canceling or attempt.stop_reason is ExitReason.CANCELED:
        return Explanation(ExitReason.CANCELED, _canceled(attempt), _INFO)
    if attempt.stop_reason is ExitReason.LEASE_LOST:
        return Explanation(ExitReason.LEASE_LOST, _LEASE_LOST, _ERROR)
    if attempt.stop_reason is ExitReason.START_TIMEOUT:
        return Explanation(ExitReason.START_TIMEOUT, _start_timeout(attempt), _ERROR)
    return _crash(attempt, ended)


_LEASE_LOST = (
    "The agent could not renew its lease of this run with the control plane for so long "
    "that it ended the run, before another agent may start it again."
)


def _canceled(attempt: Attempt) -> str:
    if attempt.process is None:
        return "The run was cancelled before it started."
    return "The run was cancelled and its process ended."


def _start_timeout(attempt: Attempt) -> str:
    seconds = f"{attempt.launch.start_timeout:.0f} s"
    if attempt.process is None:
        return f"The code location was not ready within {seconds}; the run did not start."
    return f"The run's process showed no sign of life within {seconds}; the agent ended it."


def _crash(attempt: Attempt, ended: Exit) -> Explanation:
    if ended.signal is not None:
        if _looks_out_of_memory(attempt, ended):
            return Explanation(ExitReason.OUT_OF_MEMORY, _out_of_memory(ended), _ERROR)
        return Explanation(ExitReason.KILLED_BY_SIGNAL, _killed(ended.signal), _ERROR)
    if ended.exit_code is not None:
        message = (
            f"The run's process exited with code {ended.exit_code} before the run had ended.{_last_words(attempt)}"
        )
        return Explanation(ExitReason.CRASHED, message, _ERROR)
    return Explanation(ExitReason.CRASHED, _unseen(attempt), _ERROR)


def _unseen(attempt: Attempt) -> str:
    """Nobody saw the exit code: the agent itself was not there."""
    if not attempt.same_boot:
        return "The machine restarted while the run was on it."
    if attempt.state.phase is not Phase.STARTED:
        return "The run's start was interrupted, by the end of the agent or of the code worker; it is not known to have run."
    return f"The run's process ended, before the run had ended, while the agent was not running.{_last_words(attempt)}"


def _looks_out_of_memory(attempt: Attempt, ended: Exit) -> bool:
    if ended.signal != signal.SIGKILL:
        return False
    if machine.oom_kills() > attempt.state.oom_kills_before:
        return True
    return (ended.max_rss_bytes or 0) >= OOM_SHARE * machine.memory_limit()


def _out_of_memory(ended: Exit) -> str:
    used = f" It had used {ended.max_rss_bytes / 2**30:.2f} GiB." if ended.max_rss_bytes else ""
    limit = machine.memory_limit() / 2**30
    return f"The run's process was killed because memory ran out.{used} The agent's machine or container has {limit:.2f} GiB."


def _killed(signum: int) -> str:
    try:
        name = signal.Signals(signum).name
    except ValueError:
        name = "unknown"
    return f"The run's process was killed by signal {signum} ({name}), not by the agent."


def _last_words(attempt: Attempt) -> str:
    """Answer what a cold process printed outside of any step: an import error, most often."""
    try:
        tail = (attempt.folder / "process.log").read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
    except OSError:
        return ""
    return f" Its last output:\n{tail}" if tail else ""
