"""Whether a run that failed is launched again by itself: by what it failed of, its tags, and the deployment's settings. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controlplane.deployments.settings_document import (
    MAX_RETRIES_PATH,
    RETRY_ON_STEP_FAILURE_PATH,
    policy_path,
    value_at,
)
from controlplane.runs.reasons import FailureCode
from controlplane.runs.requests import MEMORY_TAG, memory_bytes

# Dagster's own tags.
MAX_RETRIES_TAG = "dagster/max_retries"
STRATEGY_TAG = "dagster/retry_strategy"
ON_STEP_FAILURE_TAG = "dagster/retry_on_asset_or_op_failure"
RETRY_NUMBER_TAG = "dagster/retry_number"
WILL_RETRY_TAG = "dagster/will_retry"
AUTO_RETRY_TAG = "dagster/auto_retry_run_id"

# Of each failure, by what settings call it. What is missing here is never retried.
CLASS_OF_CODE: dict[FailureCode, str] = {
    FailureCode.OUT_OF_MEMORY: "out_of_memory",
    FailureCode.KILLED_BY_SIGNAL: "preempted",
    FailureCode.LEASE_LOST: "preempted",
    FailureCode.AGENT_LOST: "lost",
    FailureCode.LAUNCH_NOT_ACCEPTED: "lost",
    FailureCode.CRASHED: "lost",
    FailureCode.ENDED_SILENTLY: "lost",
    FailureCode.STEP_FAILED: "code_error",
    FailureCode.RUN_ERROR: "code_error",
    FailureCode.CODE_NOT_LOADED: "code_error",
    FailureCode.TIMED_OUT_RUNNING: "code_error",
    FailureCode.NOT_STARTED_IN_TIME: "start_timeout",
    FailureCode.TIMED_OUT_STARTING: "start_timeout",
}
_NEVER = {
    FailureCode.TIMED_OUT_QUEUED: "it never started: it would only wait again",
    FailureCode.LOCATION_DELETED: "its code location is gone",
    FailureCode.LAUNCH_REFUSED: "an agent refused it, and would again",
    FailureCode.TIMED_OUT_CANCELING: "it was being cancelled",
    FailureCode.CANCELED: "it was cancelled",
}
_WORDS = {
    "out_of_memory": "ran out of memory",
    "preempted": "was ended by its machine",
    "lost": "was lost with its process or its agent",
    "code_error": "failed in its code",
    "start_timeout": "did not start in time",
}
_STRATEGIES = ("FROM_FAILURE", "ALL_STEPS")
# Without a factor in the settings: a run that is given the same again would only run out of it again.
_MEMORY_FACTOR = 2.0


class Verdict(StrEnum):
    """What comes after a failure; empty for a run that did not fail."""

    NO = "no"
    DUE = "due"
    LAUNCHED = "launched"


@dataclass(frozen=True)
class Decision:
    """`message` is for people. `wanted` tells whether retries are configured at all."""

    verdict: Verdict
    message: str
    delay_seconds: int = 0
    wanted: bool = False


def decide(code: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> Decision:
    """`code` is the FailureCode; `settings` the deployment's document."""
    try:
        found = FailureCode(code)
        failure_class = CLASS_OF_CODE[found]
    except (ValueError, KeyError):
        why = _NEVER.get(FailureCode(code), code) if code in set(FailureCode) else "it has no failure that is retried"
        return Decision(Verdict.NO, f"Won't retry because {why}.")
    most, where = _most(failure_class, tags, settings)
    number = retry_number(tags)
    if most == 0:
        return Decision(
            Verdict.NO, f"Won't retry because {where} allows no retries of a run that {_WORDS[failure_class]}."
        )
    refusal = _refused_step_failure(found, tags, settings)
    if refusal:
        return Decision(Verdict.NO, f"Won't retry because {refusal}.", wanted=True)
    if number >= most:
        times = "once" if number == 1 else f"{number} times"
        return Decision(
            Verdict.NO,
            f"Won't retry because it was retried {times} already, the most that {where} allows.",
            wanted=True,
        )
    return _retry(failure_class, tags, settings, f"retry {number + 1} of {most}, by {where}")


def _retry(failure_class: str, tags: Mapping[str, str], settings: Mapping[str, Any], which: str) -> Decision:
    delay = value_at(settings, policy_path(failure_class, "delay_seconds")) or 0
    when = f" in {delay} s" if delay else ""
    more = more_memory(tags, settings) if failure_class == "out_of_memory" else None
    memory = f" with {more} of memory instead of {tags[MEMORY_TAG]}" if more else ""
    message = f"Will retry{when}{memory} because it {_WORDS[failure_class]} ({which})."
    return Decision(Verdict.DUE, message, delay, wanted=True)


def _most(failure_class: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> tuple[int, str]:
    """How often, and by what."""
    by_tag = tags.get(MAX_RETRIES_TAG, "")
    if by_tag.isdecimal():
        return min(int(by_tag), 1000), f"its tag {MAX_RETRIES_TAG}"
    path = policy_path(failure_class, "max_retries")
    of_class = value_at(settings, path)
    if of_class is not None:
        return of_class, ".".join(path)
    return value_at(settings, MAX_RETRIES_PATH) or 0, ".".join(MAX_RETRIES_PATH)


def _refused_step_failure(code: FailureCode, tags: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """Why a failure of a step is not retried; empty when it is, or is none."""
    if code != FailureCode.STEP_FAILED:
        return ""
    by_tag = tags.get(ON_STEP_FAILURE_TAG, "").lower()
    if by_tag in ("true", "false"):
        return f"its tag {ON_STEP_FAILURE_TAG} is false" if by_tag == "false" else ""
    if value_at(settings, RETRY_ON_STEP_FAILURE_PATH) is False:
        return f"a step failed and {'.'.join(RETRY_ON_STEP_FAILURE_PATH)} is false"
    return ""


def retry_number(tags: Mapping[str, str]) -> int:
    """How many retries led to this run."""
    text = tags.get(RETRY_NUMBER_TAG, "")
    return int(text) if text.isdecimal() else 0


def is_from_failure(tags: Mapping[str, str]) -> bool:
    """Dagster's strategy; from failure unless told."""
    return tags.get(STRATEGY_TAG, _STRATEGIES[0]).upper() != "ALL_STEPS"


def more_memory(tags: Mapping[str, str], settings: Mapping[str, Any]) -> str | None:
    """What a run gets that ran out of memory, as its tag says it; None for a run without the tag."""
    had = memory_bytes(tags.get(MEMORY_TAG, ""))
    if had is None:
        return None
    factor = value_at(settings, policy_path("out_of_memory", "memory_factor"))
    return f"{math.ceil(had * (_MEMORY_FACTOR if factor is None else factor) / 2**20)}Mi"
