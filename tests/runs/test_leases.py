"""Leases: renewed, lapsed, fenced. What surely did not start goes back, what may have run fails."""

import pytest
from django.db import connection
from django.test import override_settings

from agent.protocol import AttemptRef
from controlplane.runs import leases
from controlplane.runs.services import cancel_run
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, make_stage


@pytest.fixture
def attempt() -> Sender:
    return make_stage().claimed()


def ref(attempt: Sender, /, **fields: int) -> AttemptRef:
    claim = attempt.claim
    return AttemptRef(**{"run_id": str(claim.run_id), "attempt": claim.attempt, "epoch": claim.epoch, **fields})


def let_pass(attempt: Sender, seconds: float) -> None:
    """Move the lease into the past, as the database's clock would."""
    with org_scope(attempt.stage.org_id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE run_attempt SET lease_until = now() - make_interval(secs => %s) WHERE run_id = %s AND ended_at IS NULL",
            [seconds, attempt.run_id],
        )


def renew(attempt: Sender, *refs: AttemptRef) -> tuple[list[AttemptRef], list[AttemptRef]]:
    answer = leases.renew(org_id=attempt.stage.org_id, agent_id=attempt.stage.agent.id, attempts=refs or [ref(attempt)])
    return answer.lost, answer.cancel


def test_a_renewed_lease_keeps_the_attempt(attempt: Sender) -> None:
    let_pass(attempt, 60)
    assert renew(attempt) == ([], [])
    leases.sweep()
    assert attempt.run.status == "STARTING"


def test_what_is_not_yours_is_lost(attempt: Sender) -> None:
    foreign = [ref(attempt, epoch=9), ref(attempt, attempt=9), AttemptRef(run_id="nonsense", attempt=1, epoch=1)]
    assert renew(attempt, *foreign) == (foreign, [])


def test_a_canceled_run_is_named_in_the_answer(attempt: Sender) -> None:
    cancel_run(org_id=attempt.stage.org_id, run_id=attempt.run_id, actor=attempt.stage.cast.actor)
    assert renew(attempt) == ([], [ref(attempt)])


def test_a_launch_that_nobody_accepted_goes_back_to_the_queue_once_it_is_surely_dead(attempt: Sender) -> None:
    with override_settings(LEASE_GRACE_SECONDS=600):
        let_pass(attempt, 5)
        leases.sweep()
        assert attempt.run.status == "STARTING"
        let_pass(attempt, 601)
        leases.sweep()
    [again] = attempt.stage.claim()
    assert (again.run_id, again.attempt, again.epoch) == (attempt.run_id, 2, 2)
    assert attempt.start().fenced is True


def test_a_launch_that_was_delivered_again_is_still_not_accepted(attempt: Sender) -> None:
    leases.prolong(org_id=attempt.stage.org_id, agent_id=attempt.stage.agent.id, attempts=[ref(attempt)])
    leases.sweep()
    assert attempt.run.status == "STARTING"
    let_pass(attempt, 60)
    leases.sweep()
    assert attempt.run.status == "QUEUED"


def test_what_a_heartbeat_names_was_accepted(attempt: Sender) -> None:
    renew(attempt)
    let_pass(attempt, 60)
    leases.sweep()
    assert attempt.run.failure_code == "agent_lost"


def test_a_launch_that_was_accepted_is_never_started_again(attempt: Sender) -> None:
    leases.note_accepted(org_id=attempt.stage.org_id, agent_id=attempt.stage.agent.id, attempts=[ref(attempt)])
    let_pass(attempt, 5)
    leases.sweep()
    run = attempt.run
    assert (run.status, run.failure_code) == ("FAILURE", "agent_lost")
    assert "agent-1" in run.failure_message
    assert renew(attempt) == ([ref(attempt)], [])


def test_a_late_result_of_a_lost_agent_is_refused(attempt: Sender) -> None:
    attempt.start("raw")
    let_pass(attempt, 5)
    leases.sweep()
    answer = attempt.say("PIPELINE_SUCCESS")
    run = attempt.run
    assert (answer.fenced, run.status, run.event_count) == (True, "FAILURE", 2)


def test_a_run_that_every_agent_drops_fails(attempt: Sender) -> None:
    for _ in range(leases.LAUNCH_TRIES):
        let_pass(attempt, 100)
        leases.sweep()
        attempt.stage.claim()
    assert (attempt.run.status, attempt.run.failure_code) == ("FAILURE", "launch_not_accepted")


def test_a_run_that_was_being_canceled_when_its_agent_was_lost_is_canceled(attempt: Sender) -> None:
    attempt.start()
    cancel_run(org_id=attempt.stage.org_id, run_id=attempt.run_id, actor=attempt.stage.cast.actor)
    let_pass(attempt, 5)
    leases.sweep()
    assert attempt.run.status == "CANCELED"
