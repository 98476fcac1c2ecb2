"""A branch deployment sleeps when idle, is warned of, expires, is archived and deleted. Time passes by moving the rows' times."""

import pytest

from controlplane.delivery.branches import closing, life
from controlplane.delivery.branches import sweep as branch_sweep
from controlplane.delivery.branches.opening import Wishes
from controlplane.deployments import branches
from controlplane.deployments.models import BranchState
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from controlplane.runs.states import RunStatus
from controlplane.runs.transitions import move_run
from tenants.errors import ConflictError
from tenants.scoping import org_scope
from tests.delivery.branches_of import (
    deploy_branch,
    exists,
    fresh,
    in_days,
    is_awake,
    life_row,
    load_branch,
    make_branch,
    move_times,
)

HOOKED = Wishes(sleep_after=3600, expire_after=7 * 86_400, on_close={"location": "shop", "job": "nightly"})


def launch(cast, branch):
    request = RunRequest(job="nightly")
    return request_run(org_id=cast.org_id, deployment_id=branch.deployment_id, request=request, actor=cast.actor)


def runs_of(cast, branch):
    with org_scope(cast.org_id):
        rows = Run.objects.for_org(cast.org_id).filter(deployment_id=branch.deployment_id)
        return list(rows.order_by("id"))


def end(cast, run_id, status):
    for step in (RunStatus.STARTING, RunStatus.STARTED, status):
        with org_scope(cast.org_id):
            assert move_run(org_id=cast.org_id, run_id=run_id, status=step)


def test_idle_branch_sleeps(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    branch_sweep.sweep(cast.org_id)
    assert fresh(branch).state == BranchState.ACTIVE

    move_times(branch, hours=1.1)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.SLEEPING
    assert not is_awake(branch)


def test_branch_with_a_queued_run_does_not_sleep(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    launch(cast, branch)

    move_times(branch, hours=5)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ACTIVE


def test_branch_whose_run_just_ended_does_not_sleep(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    end(cast, launch(cast, branch).id, RunStatus.SUCCESS)

    move_times(branch, hours=5)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ACTIVE


def test_kept_awake_never_sleeps_until_it_may_again(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    ids = {"org_id": cast.org_id, "deployment_id": branch.deployment_id}
    life.keep_awake(**ids, awake=True, sleep_after=None, actor=cast.actor)
    move_times(branch, hours=30)
    branch_sweep.sweep(cast.org_id)
    assert fresh(branch).state == BranchState.ACTIVE

    life.keep_awake(**ids, awake=False, sleep_after=3600, actor=cast.actor)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.SLEEPING


def test_warned_a_day_before_and_closed_when_its_time_is_up(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    move_times(branch, days=6.1)
    branch_sweep.sweep(cast.org_id)
    assert fresh(branch).warned_at is not None
    assert fresh(branch).state == BranchState.SLEEPING or fresh(branch).state == BranchState.ACTIVE

    move_times(branch, days=1)
    branch_sweep.sweep(cast.org_id)

    gone = fresh(branch)
    assert gone.state == BranchState.ARCHIVED
    assert "expired" in gone.close_reason
    assert not is_awake(branch)


def test_activity_moves_the_expiry_on(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    move_times(branch, days=6.5)
    branches.wake(org_id=cast.org_id, deployment_id=branch.deployment_id)

    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).expires_at > in_days(6.9)
    assert fresh(branch).warned_at is None


def test_extend_gives_the_whole_time_again_and_takes_the_warning_back(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    move_times(branch, days=6.5)
    branch_sweep.sweep(cast.org_id)
    assert fresh(branch).warned_at is not None

    life.extend(org_id=cast.org_id, deployment_id=branch.deployment_id, actor=cast.actor)

    assert fresh(branch).warned_at is None
    assert fresh(branch).expires_at > in_days(6.9)


def test_archived_branch_cannot_be_extended(cast):
    branch = make_branch(cast)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="done", actor=cast.actor)

    with pytest.raises(ConflictError, match="archived"):
        life.extend(org_id=cast.org_id, deployment_id=branch.deployment_id, actor=cast.actor)


def test_never_loaded_branch_is_archived_at_once(cast):
    branch = make_branch(cast, wishes=HOOKED)
    deploy_branch(cast, branch)

    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="done", actor=cast.actor)

    assert fresh(branch).state == BranchState.ARCHIVED
    assert runs_of(cast, branch) == []


def test_closing_job_runs_of_a_sleeping_branch_and_then_nothing_is_left(cast):
    branch = make_branch(cast, wishes=HOOKED)
    load_branch(cast, branch)
    move_times(branch, hours=2)
    branch_sweep.sweep(cast.org_id)
    assert not is_awake(branch)

    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="merged", actor=cast.actor)
    [job] = runs_of(cast, branch)
    assert is_awake(branch)
    assert job.tags["daggerboard/hook"] == "on_close"
    end(cast, job.id, RunStatus.SUCCESS)
    move_times(branch, hours=0.1)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ARCHIVED
    assert not is_awake(branch)
    assert life_row(branch).close_error == ""


def test_closing_cancels_runs_before_its_job(cast):
    branch = make_branch(cast, wishes=HOOKED)
    load_branch(cast, branch)
    queued = launch(cast, branch)

    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="merged", actor=cast.actor)

    runs = {run.id: run for run in runs_of(cast, branch)}
    assert runs.pop(queued.id).status == RunStatus.CANCELED
    assert [run.job_name for run in runs.values()] == ["nightly"]


def test_closing_job_that_fails_is_tried_three_times_and_blocks_nothing(cast):
    branch = make_branch(cast, wishes=HOOKED)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="merged", actor=cast.actor)

    for _ in range(3):
        end(cast, runs_of(cast, branch)[-1].id, RunStatus.FAILURE)
        _due_now(branch)
        branch_sweep.sweep(cast.org_id)
        _due_now(branch)
        branch_sweep.sweep(cast.org_id)

    assert len(runs_of(cast, branch)) == 3
    assert fresh(branch).state == BranchState.ARCHIVED
    assert "ended as FAILURE" in life_row(branch).close_error
    assert not is_awake(branch)


def test_closing_job_that_nobody_runs_ends_with_the_deadline(cast):
    branch = make_branch(cast, wishes=HOOKED)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="merged", actor=cast.actor)

    move_times(branch, hours=1)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ARCHIVED
    assert "had not ended" in life_row(branch).close_error
    assert [run.status for run in runs_of(cast, branch)] == [RunStatus.CANCELED]


def test_job_that_does_not_exist_is_said_and_blocks_nothing(cast):
    wishes = Wishes(expire_after=86_400 * 7, on_close={"location": "shop", "job": "no such job"})
    branch = make_branch(cast, wishes=wishes)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="merged", actor=cast.actor)
    for _ in range(3):
        _due_now(branch)
        branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ARCHIVED
    assert "no such job" in life_row(branch).close_error


def test_first_job_runs_once_it_has_loaded_and_only_once(cast):
    wishes = Wishes(expire_after=86_400 * 7, on_create={"location": "shop", "job": "nightly"})
    branch = make_branch(cast, wishes=wishes)
    deploy_branch(cast, branch)
    branch_sweep.sweep(cast.org_id)
    assert runs_of(cast, branch) == []

    for _ in range(3):
        load_branch(cast, branch)
        _due_now(branch)
        branch_sweep.sweep(cast.org_id)

    [job] = runs_of(cast, branch)
    assert job.tags["daggerboard/hook"] == "on_create"


def test_archived_branch_is_deleted_after_its_days(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="done", actor=cast.actor)
    move_times(branch, days=6.9)
    branch_sweep.sweep(cast.org_id)
    assert exists(cast.org_id, branch.deployment_id)

    move_times(branch, days=0.2)
    branch_sweep.sweep(cast.org_id)

    assert not exists(cast.org_id, branch.deployment_id)


def test_branch_that_somebody_archived_since_it_was_chosen_is_kept(cast):
    """Two workers sweep at once: one chose it while it was closing, the other archived it meanwhile."""
    branch = make_branch(cast)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="done", actor=cast.actor)
    assert fresh(branch).state == BranchState.ARCHIVED

    branch_sweep.look_after(org_id=cast.org_id, deployment_id=branch.deployment_id)

    assert exists(cast.org_id, branch.deployment_id)


def test_reopened_branch_lives_again_with_its_first_job(cast):
    wishes = Wishes(expire_after=86_400 * 7, on_create={"location": "shop", "job": "nightly"})
    branch = make_branch(cast, wishes=wishes)
    load_branch(cast, branch)
    _due_now(branch)
    branch_sweep.sweep(cast.org_id)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="closed", actor=cast.actor)
    assert fresh(branch).state == BranchState.ARCHIVED

    assert closing.reopen(org_id=cast.org_id, deployment_id=branch.deployment_id, actor=cast.actor)
    branch_sweep.sweep(cast.org_id)

    assert fresh(branch).state == BranchState.ACTIVE
    assert is_awake(branch)
    assert [run.tags["daggerboard/hook"] for run in runs_of(cast, branch)] == ["on_create", "on_create"]


def _due_now(branch):
    with org_scope(branch.org_id):
        row = life_row(branch)
        if row.due_at is not None:
            row.due_at = in_days(-1)
            row.save()
