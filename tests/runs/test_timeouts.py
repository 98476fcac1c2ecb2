"""Limits of the phases: each ends its phase and says so, by the database's clock."""

from django.db import connection
from django.test import override_settings

from controlplane.deployments.change_settings import set_settings
from controlplane.runs import timeouts
from controlplane.runs.services import cancel_run
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, Stage, make_stage

LIMITS = {
    "RUN_QUEUED_TIMEOUT_SECONDS": 3600.0,
    "RUN_STARTING_TIMEOUT_SECONDS": 300.0,
    "RUN_CANCELING_TIMEOUT_SECONDS": 180.0,
}


def age(stage: Stage, run_id: object, column: str, seconds: float) -> None:
    with org_scope(stage.org_id), connection.cursor() as cursor:
        cursor.execute(f"UPDATE run SET {column} = now() - make_interval(secs => %s) WHERE id = %s", [seconds, run_id])


def swept(stage: Stage, run_id: object) -> tuple[str, str]:
    with override_settings(**LIMITS):
        timeouts.sweep()
    run = stage.run(run_id)  # type: ignore[arg-type]
    return run.status, run.failure_code


def test_a_run_that_waits_too_long_fails() -> None:
    stage = make_stage()
    run = stage.request()
    age(stage, run.id, "created_at", 3000)
    assert swept(stage, run.id) == ("QUEUED", "")
    age(stage, run.id, "created_at", 3601)
    assert swept(stage, run.id) == ("FAILURE", "timed_out_queued")


def test_a_run_that_does_not_start_fails_and_its_attempt_is_fenced() -> None:
    attempt = make_stage().claimed()
    age(attempt.stage, attempt.run_id, "claimed_at", 301)
    assert swept(attempt.stage, attempt.run_id) == ("FAILURE", "timed_out_starting")
    assert attempt.start().fenced is True


def running(**tags: str) -> Sender:
    attempt = make_stage().claimed(tags=tags)
    attempt.start("raw")
    return attempt


def test_a_run_over_its_max_runtime_is_stopped_and_counts_as_failed() -> None:
    attempt = running(**{"dagster/max_runtime": "60"})
    age(attempt.stage, attempt.run_id, "started_at", 61)
    assert swept(attempt.stage, attempt.run_id) == ("CANCELING", "timed_out_running")
    attempt.say("PIPELINE_CANCELED")
    run = attempt.run
    assert (run.status, run.failure_code) == ("FAILURE", "timed_out_running")
    assert "60 s" in run.failure_message


def test_a_run_within_its_max_runtime_goes_on() -> None:
    attempt = running(**{"dagster/max_runtime": "60"})
    assert swept(attempt.stage, attempt.run_id) == ("STARTED", "")


def test_a_run_that_does_not_confirm_its_cancellation_is_given_up() -> None:
    attempt = running()
    cancel_run(org_id=attempt.stage.org_id, run_id=attempt.run_id, actor=attempt.stage.cast.actor)
    age(attempt.stage, attempt.run_id, "updated_at", 181)
    assert swept(attempt.stage, attempt.run_id) == ("CANCELED", "timed_out_canceling")
    assert attempt.say("PIPELINE_SUCCESS").fenced is True


def test_settings_of_a_deployment_stand_before_the_installations() -> None:
    starting, canceling, started = make_stage().claimed(), running(), running()
    for attempt, document in (
        (starting, {"start_timeout_seconds": 60}),
        (canceling, {"cancel_timeout_seconds": 30}),
        (started, {"max_runtime_seconds": 20}),
    ):
        cast = attempt.stage.cast
        set_settings(
            org_id=cast.org_id,
            deployment_id=cast.deployment.id,
            document={"run_monitoring": document},
            actor=cast.actor,
        )
    cancel_run(org_id=canceling.stage.org_id, run_id=canceling.run_id, actor=canceling.stage.cast.actor)

    age(starting.stage, starting.run_id, "claimed_at", 61)
    age(canceling.stage, canceling.run_id, "updated_at", 31)
    age(started.stage, started.run_id, "started_at", 21)

    assert swept(starting.stage, starting.run_id) == ("FAILURE", "timed_out_starting")
    assert canceling.run.failure_code == "timed_out_canceling"
    assert started.run.failure_code == "timed_out_running"


def test_tag_of_a_run_stands_before_the_settings_of_its_deployment() -> None:
    attempt = running(**{"dagster/max_runtime": "600"})
    cast = attempt.stage.cast
    document = {"run_monitoring": {"max_runtime_seconds": 20}}
    set_settings(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)

    age(attempt.stage, attempt.run_id, "started_at", 60)

    assert swept(attempt.stage, attempt.run_id) == ("STARTED", "")
