"""What happens to a branch deployment from two sides at once: nothing is lost, nothing comes back, and nobody waits for ever."""

import threading
import time

import pytest
from django.db import connection

from controlplane.core.threads import with_connections_returned
from controlplane.delivery.branches import closing
from controlplane.delivery.branches.rows import locked, wake_pull_requests
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.deployments import branches
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.models import BranchDeployment, BranchState
from controlplane.deployments.services import create_deployment
from tenants.errors import ConflictError
from tenants.scoping import org_scope
from tests.delivery.branches_of import deploy_branch, exists, fresh, is_awake, load_branch, make_branch
from tests.delivery.following import follow
from tests.delivery.test_branch_life import HOOKED, launch, runs_of


def facts(number=12, **more):
    return BranchFacts(repository="acme/shop", branch=f"feature-{number}", pull_request=number, **more)


def set_state(branch, state):
    with org_scope(branch.org_id):
        rows = BranchDeployment.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id)
        rows.update(state=state)


class Beside:
    """Work of somebody else, in a thread with a connection of its own; what it raised, if anything."""

    def __init__(self, work):
        self.error = None
        self._work = work
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with_connections_returned(self._work)
        except Exception as error:  # noqa: BLE001 - the test says what it was
            self.error = error

    def start_until_it_waits(self):
        """Until it stands before a lock that our transaction holds."""
        self._thread.start()
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and self._thread.is_alive():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                )
                if cursor.fetchone()[0]:
                    return
            time.sleep(0.02)

    def join(self):
        self._thread.join(timeout=200)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("what", ["sleep", "archive"])
def test_told_of_a_push_while_it_falls_asleep_or_ends_it_stays_so(cast, what):
    branch = make_branch(cast)
    load_branch(cast, branch)

    def push():
        ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts(title="New"), actor=cast.actor)

    beside = Beside(push)
    with org_scope(cast.org_id):
        if what == "sleep":
            branches.sleep(org_id=cast.org_id, deployment_id=branch.deployment_id)
        else:
            closing.archive(locked(cast.org_id, branch.deployment_id), cast.actor)
        beside.start_until_it_waits()
    beside.join()

    assert beside.error is None
    assert fresh(branch).title == "New"
    assert fresh(branch).state == (BranchState.SLEEPING if what == "sleep" else BranchState.ARCHIVED)
    assert not is_awake(branch)


def test_branch_of_another_base_is_not_taken_over(cast):
    make_branch(cast)
    create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    with pytest.raises(ConflictError, match="belongs to prod, not to staging"):
        ensure_branch(org_id=cast.org_id, parent=cast.at("staging").deployment, facts=facts(), actor=cast.actor)


def test_closing_branch_takes_no_run_and_no_deploy_but_its_closing_job(cast):
    branch = make_branch(cast, wishes=HOOKED)
    load_branch(cast, branch)
    set_state(branch, BranchState.CLOSING)

    with pytest.raises(ConflictError, match="closing; nothing runs in it"):
        launch(cast, branch)
    with pytest.raises(ConflictError, match="closing; nothing runs in it"):
        deploy_branch(cast, branch, sha="c" * 40)
    closing.go_on(org_id=cast.org_id, deployment_id=branch.deployment_id)

    assert [run.tags.get("daggerboard/hook") for run in runs_of(cast, branch)] == ["on_close"]


def test_branch_is_not_archived_over_a_run_that_has_not_ended(cast):
    branch = make_branch(cast)
    load_branch(cast, branch)
    launch(cast, branch)
    set_state(branch, BranchState.CLOSING)
    with org_scope(cast.org_id):
        closing.archive(locked(cast.org_id, branch.deployment_id), cast.actor)
    assert fresh(branch).state == BranchState.CLOSING

    closing.go_on(org_id=cast.org_id, deployment_id=branch.deployment_id)
    closing.go_on(org_id=cast.org_id, deployment_id=branch.deployment_id)

    assert fresh(branch).state == BranchState.ARCHIVED
    assert [run.status for run in runs_of(cast, branch)] == ["CANCELED"]


def test_deploying_a_pull_request_and_changing_its_branch_do_not_wait_for_each_other(cast, github):
    followed = follow(cast, github)
    followed.delivered()
    branch = followed.branch()
    head = followed.shop.push("feature", {"shop/more.py": "y = 2\n"})
    followed.handle_news()

    beside = Beside(followed.work)
    with org_scope(cast.org_id):
        # As whoever closes, extends or sends it to sleep: the branch, then its pull request.
        locked(cast.org_id, branch.deployment_id)
        beside.start_until_it_waits()
        wake_pull_requests(cast.org_id, branch.deployment_id)
    beside.join()
    followed.work()

    assert beside.error is None
    assert followed.pull().delivered_sha == head == followed.branch().head_sha


@pytest.mark.parametrize("other", ["wake", "sleep", "close", "ensure"])
def test_deletion_waits_for_whoever_works_on_the_branch(cast, other):
    branch = make_branch(cast)
    load_branch(cast, branch)
    if other == "wake":
        branches.sleep(org_id=cast.org_id, deployment_id=branch.deployment_id)
    does = {
        "wake": lambda: branches.wake(org_id=cast.org_id, deployment_id=branch.deployment_id),
        "sleep": lambda: branches.sleep(org_id=cast.org_id, deployment_id=branch.deployment_id),
        "close": lambda: closing.archive(locked(cast.org_id, branch.deployment_id), cast.actor),
        "ensure": lambda: branches.set_awake(
            ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts(), actor=cast.actor), awake=False
        ),
    }

    def delete():
        delete_deployment(
            org_id=cast.org_id, deployment_id=branch.deployment_id, typed_name=None, actor=cast.actor, cancel_runs=True
        )

    beside = Beside(delete)
    with org_scope(cast.org_id):
        locked(cast.org_id, branch.deployment_id)
        beside.start_until_it_waits()
        does[other]()
    beside.join()

    assert beside.error is None
    assert not exists(cast.org_id, branch.deployment_id)
