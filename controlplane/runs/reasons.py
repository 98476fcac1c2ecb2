"""Why a run ended, as a code for programs and a sentence for people: what happened, why, and what to do."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.protocol import ExitReason


class FailureCode(StrEnum):
    """Everything that can end a run other than success."""

    STEP_FAILED = "step_failed"
    RUN_ERROR = "run_error"
    KILLED_BY_SIGNAL = "killed_by_signal"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    ENDED_SILENTLY = "ended_silently"
    AGENT_LOST = "agent_lost"
    LEASE_LOST = "lease_lost"
    CODE_NOT_LOADED = "code_not_loaded"
    NOT_STARTED_IN_TIME = "not_started_in_time"
    TIMED_OUT_QUEUED = "timed_out_queued"
    TIMED_OUT_STARTING = "timed_out_starting"
    TIMED_OUT_RUNNING = "timed_out_running"
    TIMED_OUT_CANCELING = "timed_out_canceling"
    LAUNCH_NOT_ACCEPTED = "launch_not_accepted"
    LAUNCH_REFUSED = "launch_refused"
    LOCATION_DELETED = "location_deleted"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Reason:
    """A code and its sentence."""

    code: FailureCode
    message: str


# What an agent says is text of another machine: enough for a traceback's tail, no more.
_SAID_MAX = 2000


# By what the agent says: the code, what happened (where the agent has no sentence of its own), and what to do.
_EXITS: dict[str, tuple[FailureCode, str, str]] = {
    ExitReason.OUT_OF_MEMORY: (
        FailureCode.OUT_OF_MEMORY,
        "The run's process was killed because memory ran out.",
        "Give the agent's machine more memory, or run fewer steps at once.",
    ),
    ExitReason.KILLED_BY_SIGNAL: (
        FailureCode.KILLED_BY_SIGNAL,
        "The run's process was killed by {signal}.",
        "Look for what sent it: an operator, a container limit, the machine shutting down.",
    ),
    ExitReason.LEASE_LOST: (
        FailureCode.LEASE_LOST,
        "The agent lost its lease and ended the run.",
        "Check the network between the agent and Daggerboard, then run it again.",
    ),
    ExitReason.START_TIMEOUT: (
        FailureCode.NOT_STARTED_IN_TIME,
        "The run's process did not start in time.",
        "Look at the code location's load time and at the agent's log.",
    ),
    ExitReason.CODE_NOT_LOADED: (
        FailureCode.CODE_NOT_LOADED,
        "The code location could not be loaded.",
        "Fix the error in the code location, deploy it, and run again.",
    ),
    ExitReason.FINISHED: (
        FailureCode.ENDED_SILENTLY,
        "The run's process ended without saying how the run went.",
        "Look at its captured output.",
    ),
    ExitReason.CRASHED: (
        FailureCode.CRASHED,
        "The run's process exited with code {code}.",
        "Look at the run's captured output: code that ends the interpreter, such as os._exit, does this.",
    ),
}


def exited(data: dict[str, Any], said: str) -> Reason:
    """Why a run ended whose process is gone without dagster's own last word; `said` is the agent's sentence."""
    exit_code, number = data.get("exit_code"), data.get("signal")
    code, happened, advice = _EXITS.get(str(data.get("reason")), _EXITS[_guessed(exit_code, number)])
    happened = happened.format(signal=_signal_name(number), code=exit_code)
    return Reason(code, f"{said.strip()[:_SAID_MAX] or happened} {advice}")


def _guessed(exit_code: object, number: object) -> ExitReason:
    if number is not None:
        return ExitReason.KILLED_BY_SIGNAL
    return ExitReason.FINISHED if exit_code == 0 else ExitReason.CRASHED


def agent_lost(agent: str, silent_seconds: float) -> Reason:
    return Reason(
        FailureCode.AGENT_LOST,
        f"The agent {agent} has not been heard of for {silent_seconds:.0f} s while it ran this. Its machine or its network is gone, "
        "or the agent was stopped. Bring the agent back, then run this again.",
    )


def launch_not_accepted(tries: int) -> Reason:
    return Reason(
        FailureCode.LAUNCH_NOT_ACCEPTED,
        f"{tries} times an agent took this run and was lost before it could start it. Look at the agents of this queue.",
    )


def launch_refused(message: str) -> Reason:
    return Reason(FailureCode.LAUNCH_REFUSED, f"The agent refused to start the run: {message[:_SAID_MAX]}")


def location_deleted(name: str) -> Reason:
    return Reason(
        FailureCode.LOCATION_DELETED, f"The code location {name} was deleted while the run was waiting for it."
    )


def timed_out(phase: str, seconds: float) -> Reason:
    """`phase` is queued, starting, running or canceling."""
    code, sentence = _TIMEOUTS[phase]
    return Reason(code, sentence.format(limit=_duration(seconds)))


_TIMEOUTS = {
    "queued": (
        FailureCode.TIMED_OUT_QUEUED,
        (
            "The run waited in the queue for {limit}, the longest that is allowed, and no agent took it. "
            "See that an agent serves its queue and has room."
        ),
    ),
    "starting": (
        FailureCode.TIMED_OUT_STARTING,
        "An agent took the run but it did not start within {limit}. Look at the code location's load time and the agent's log.",
    ),
    "running": (
        FailureCode.TIMED_OUT_RUNNING,
        "The run took longer than {limit}, the longest that is allowed, and was stopped. The tag dagster/max_runtime changes its limit.",
    ),
    "canceling": (
        FailureCode.TIMED_OUT_CANCELING,
        (
            "The run was cancelled but did not confirm its end within {limit}, so it was given up. The agent ends its process as soon as it "
            "is reachable."
        ),
    ),
}


def canceled(by: str) -> Reason:
    return Reason(FailureCode.CANCELED, f"Cancelled by {by}.")


def run_failed(steps: Sequence[tuple[str, Any]], said: str) -> Reason:
    """Dagster reported the failure itself: `steps` are the failed ones, the first with its error; `said` is dagster's own sentence."""
    if not steps:
        return Reason(FailureCode.RUN_ERROR, said[:_SAID_MAX] or "The run failed outside any step.")
    (step, error), more = steps[0], len(steps) - 1
    what = error_words(error)[:_SAID_MAX] or "see its log"
    others = f" {more} more step{'s' if more > 1 else ''} failed." if more else ""
    end = "" if what.endswith((".", "!", "?")) else "."
    code = FailureCode.OUT_OF_MEMORY if _is_out_of_memory(error) else FailureCode.STEP_FAILED
    return Reason(code, f"Step {step} failed: {what}{end}{others}")


def _is_out_of_memory(error: Any) -> bool:
    """Python was refused memory, by the limit of the run's tag or by the machine."""
    while isinstance(error, dict):
        if error.get("cls") == "MemoryError":
            return True
        error = error.get("cause")
    return False


def error_words(error: Any) -> str:
    """What the user's code raised, and what that came from: dagster wraps it in errors of its own. `error` is an ErrorInfo as JSON."""
    raised = error
    while _is_wrapper(raised):
        raised = raised["cause"]
    words, root = _error_line(raised), raised
    while isinstance(root, dict) and isinstance(root.get("cause"), dict):
        root = root["cause"]
    return words if root is raised else f"{words} (caused by {_error_line(root)})"


def _is_wrapper(error: Any) -> bool:
    return (
        isinstance(error, dict)
        and str(error.get("cls") or "").startswith("Dagster")
        and isinstance(error.get("cause"), dict)
    )


def _error_line(error: Any) -> str:
    """`ValueError: why`. Python's own line begins with the class already, perhaps with its module."""
    if not isinstance(error, dict):
        return ""
    message, name = str(error.get("message") or "").strip(), str(error.get("cls") or "")
    named = message.partition(":")[0].rpartition(".")[2]
    return message if not name or named == name else f"{name}: {message}".removesuffix(": ")


def _signal_name(number: object) -> str:
    try:
        return f"signal {number} ({signal.Signals(int(str(number))).name})"
    except ValueError:
        return f"signal {number}"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
