"""The state machines of runs, attempts and steps, as tables of allowed moves. Pure: no database, no clock.

Run statuses are dagster's own (dagster._core.storage.dagster_run.DagsterRunStatus), spelled as dagster spells them.
"""

from django.db import models


class RunStatus(models.TextChoices):
    """Where a run is."""

    QUEUED = "QUEUED", "Queued"
    STARTING = "STARTING", "Starting"
    STARTED = "STARTED", "Running"
    CANCELING = "CANCELING", "Canceling"
    SUCCESS = "SUCCESS", "Success"
    FAILURE = "FAILURE", "Failure"
    CANCELED = "CANCELED", "Canceled"


class AttemptState(models.TextChoices):
    """Where an attempt is: claimed by an agent, running there, ended, or fenced off because its lease expired."""

    CLAIMED = "claimed", "Claimed"
    RUNNING = "running", "Running"
    ENDED = "ended", "Ended"
    FENCED = "fenced", "Fenced"


class StepStatus(models.TextChoices):
    """Where a step is."""

    PLANNED = "planned", "Planned"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    RETRYING = "retrying", "Up for retry"
    SUCCESS = "success", "Success"
    FAILURE = "failure", "Failure"
    SKIPPED = "skipped", "Skipped"
    # The run ended while the step was under way.
    CANCELED = "canceled", "Canceled"


TERMINAL = frozenset({RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED})
ACTIVE = frozenset(set(RunStatus) - TERMINAL)

_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.STARTING, RunStatus.CANCELED, RunStatus.FAILURE}),
    # Back to QUEUED when the claim lapsed before the agent accepted it.
    RunStatus.STARTING: frozenset(
        {
            RunStatus.STARTED,
            RunStatus.QUEUED,
            RunStatus.CANCELING,
            RunStatus.CANCELED,
            RunStatus.FAILURE,
            RunStatus.SUCCESS,
        }
    ),
    RunStatus.STARTED: frozenset({RunStatus.CANCELING, *TERMINAL}),
    RunStatus.CANCELING: TERMINAL,
    RunStatus.SUCCESS: frozenset(),
    RunStatus.FAILURE: frozenset(),
    RunStatus.CANCELED: frozenset(),
}


def may_move(current: RunStatus, target: RunStatus) -> bool:
    """Whether a run may go from one status to another; terminal statuses allow nothing."""
    return target in _MOVES[current]


# What dagster's run events make of a run.
STATUS_OF_EVENT: dict[str, RunStatus] = {
    "PIPELINE_START": RunStatus.STARTED,
    "PIPELINE_CANCELING": RunStatus.CANCELING,
    "PIPELINE_SUCCESS": RunStatus.SUCCESS,
    "PIPELINE_FAILURE": RunStatus.FAILURE,
    "PIPELINE_CANCELED": RunStatus.CANCELED,
}

# And what each status is called in dagster's event log.
EVENT_OF_STATUS: dict[RunStatus, str] = {
    RunStatus.QUEUED: "PIPELINE_ENQUEUED",
    RunStatus.STARTING: "PIPELINE_STARTING",
    **{status: event for event, status in STATUS_OF_EVENT.items()},
}


def closing_status(run: RunStatus) -> StepStatus:
    """What becomes of a step that was under way when its run ended like this."""
    return StepStatus.FAILURE if run == RunStatus.FAILURE else StepStatus.CANCELED
