"""The sweep of branches: it deletes none before its days are over, and nobody waits behind one that cannot be looked after."""

import datetime

import pytest
from django.db.models.functions import Now

from controlplane.delivery.branches import closing
from controlplane.delivery.branches import sweep as branch_sweep
from controlplane.delivery.models import BranchLife
from controlplane.deployments.freezing import freeze
from controlplane.deployments.models import BranchState
from tenants.models import Organization
from tenants.scoping import org_scope
from tests.delivery.branches_of import exists, fresh, life_row, load_branch, make_branch, move_times
from tests.delivery.test_branch_life import launch
from tests.waiting import eventually


def archived(cast, number=12):
    branch = make_branch(cast, number)
    load_branch(cast, branch)
    closing.close(org_id=cast.org_id, deployment_id=branch.deployment_id, reason="By hand.", actor=cast.actor)
    assert fresh(branch).state == BranchState.ARCHIVED
    return branch


@pytest.fixture
def one_at_a_time(monkeypatch):
    """A sweep that has room for one branch."""
    monkeypatch.setattr(branch_sweep, "_MOST", 1)


def test_branch_that_was_archived_while_the_sweep_looked_is_kept(cast):
    branch = archived(cast)
    branch_sweep.look_after(org_id=cast.org_id, deployment_id=branch.deployment_id)
    assert exists(cast.org_id, branch.deployment_id)

    move_times(branch, days=400)
    branch_sweep.look_after(org_id=cast.org_id, deployment_id=branch.deployment_id)
    assert not exists(cast.org_id, branch.deployment_id)


@pytest.mark.parametrize("state", ["suspended", "read_only"])
def test_nobody_waits_behind_an_organization_that_is_not_active(cast, outsider, one_at_a_time, state):
    theirs, ours = make_branch(outsider), make_branch(cast)
    load_branch(outsider, theirs)
    load_branch(cast, ours)
    # Before those of other tests.
    move_times(theirs, hours=140)
    move_times(ours, hours=139)
    Organization.objects.filter(id=outsider.org_id).update(state=state)

    def state_after_a_sweep():
        branch_sweep.sweep()
        return fresh(ours).state

    # What other tests have left may have its turn before.
    eventually(state_after_a_sweep, lambda state: state == BranchState.SLEEPING)
    assert fresh(theirs).state == BranchState.ACTIVE


def test_nobody_waits_behind_a_branch_that_cannot_be_looked_after(cast, one_at_a_time):
    wrong, other = make_branch(cast, 1), make_branch(cast, 2)
    load_branch(cast, wrong)
    load_branch(cast, other)
    with org_scope(cast.org_id):
        # Its first job cannot even be read.
        lives = BranchLife.objects.for_org(cast.org_id).filter(deployment_id=wrong.deployment_id)
        lives.update(due_at=Now() - datetime.timedelta(hours=9), on_create={"nonsense": True})
    move_times(other, hours=2)

    for _ in range(2):
        branch_sweep.sweep(cast.org_id)

    assert life_row(wrong).put_off_until > life_row(wrong).due_at
    assert fresh(other).state == BranchState.SLEEPING


def test_frozen_branch_is_kept_and_holds_up_nobody(cast, one_at_a_time):
    frozen, over = archived(cast, 1), archived(cast, 2)
    freeze(org_id=cast.org_id, deployment_id=frozen.deployment_id, reason="A release.", actor=cast.actor)
    move_times(frozen, days=500)
    move_times(over, days=400)

    branch_sweep.sweep(cast.org_id)

    assert exists(cast.org_id, frozen.deployment_id)
    assert not exists(cast.org_id, over.deployment_id)


def test_branch_in_use_is_not_due_again_before_it_may_have_been_idle(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    launch(cast, branch)
    move_times(branch, hours=2)

    # Then its expiry moves too.
    branch_sweep.sweep(cast.org_id)
    branch_sweep.sweep(cast.org_id)

    assert branch_sweep.sweep(cast.org_id) == 0
    assert fresh(branch).state == BranchState.ACTIVE
