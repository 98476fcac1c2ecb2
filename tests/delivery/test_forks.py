"""Pull requests of forks: nothing of a commit is fetched, deployed or shown before somebody approved this very commit."""

import pytest
from django.utils import timezone

from controlplane.delivery.branches import approvals
from controlplane.delivery.branches.ci import create_or_update
from controlplane.delivery.models import DeliveryState, Repository
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.models import BranchState
from tenants.errors import ConflictError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import set_quota
from tenants.scoping import org_scope
from tests.delivery.branches_of import is_awake
from tests.delivery.following import PROJECT, follow

CANARY = "canary-of-a-fork"


@pytest.fixture
def followed(cast, host):
    return follow(cast, host)


@pytest.fixture
def stranger(followed):
    return followed.shop.fork("stranger")


@pytest.fixture
def pull(followed, stranger):
    stranger.push("idea", {"shop/definitions.py": f"x = '{CANARY}'\n", ".daggerboard.yaml": f"label: {CANARY}\n"})
    made = followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()
    return made


def approve(followed, pull):
    return approvals.approve(
        org_id=followed.org_id, pull_request_id=followed.pull().id, sha=pull.head_sha, actor=followed.cast.actor
    )


def fetched(followed, sha):
    """Requests for the files of a commit."""
    return [asked.path for asked in followed.host.asked if sha in asked.path + str(asked.query) and "tar" in asked.path]


def test_commit_waits_and_nothing_of_it_is_fetched(followed, pull):
    assert followed.pull().delivery_state == DeliveryState.HELD
    assert followed.branch().state == BranchState.HELD
    assert followed.branch().is_fork
    assert not is_awake(followed.branch())
    assert followed.versions() == {}
    assert fetched(followed, pull.head_sha) == []
    assert "waits for approval" in pull.comments[0].body
    check = followed.shop.checks_of(pull.head_sha)["Daggerboard / deploy"]
    assert check.state in {"action_required", "pending", "failed"}


def test_approved_commit_is_deployed_as_a_forks(followed, pull):
    approve(followed, pull)
    followed.settle()

    assert followed.versions()["shop"].git_commit == pull.head_sha
    assert fetched(followed, pull.head_sha), "or nothing here says what is fetched"
    assert followed.branch().is_fork
    assert followed.branch().state == BranchState.ACTIVE


def test_push_after_the_approval_waits_again(followed, stranger, pull):
    approve(followed, pull)
    followed.settle()
    approved = pull.head_sha
    sha = stranger.push("idea", {"shop/worse.py": "steal()\n"})
    followed.settle()

    assert followed.pull().delivery_state == DeliveryState.HELD
    assert followed.versions()["shop"].git_commit == approved
    assert fetched(followed, sha) == []


def test_commit_that_is_the_head_no_more_cannot_be_approved(followed, stranger, pull):
    looked_at = pull.head_sha
    stranger.push("idea", {"shop/worse.py": "steal()\n"})
    followed.settle()

    with pytest.raises(ConflictError, match="head"):
        approvals.approve(
            org_id=followed.org_id, pull_request_id=followed.pull().id, sha=looked_at, actor=followed.cast.actor
        )
    assert followed.pull().approved_sha == ""


def test_forks_own_file_does_not_decide(followed, stranger, pull):
    """The base branch has none: the settings count, and the fork's label does not."""
    approve(followed, pull)
    followed.settle()

    assert followed.pull().branch_file == {}


def test_file_of_the_base_branch_decides_for_forks(cast, github):
    followed = follow(cast, github, {**PROJECT, ".daggerboard.yaml": "mode: label\nlabel: safe\n"})
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {".daggerboard.yaml": "mode: automatic\n"})
    followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()

    assert followed.branches() == []


def test_end_needs_no_approval(followed, pull):
    pull.close()
    followed.settle()

    assert followed.living == []
    assert followed.pull().delivery_state == DeliveryState.CLOSED


def test_nothing_of_the_commit_is_told_before_its_approval(followed, pull):
    told = [body for comment in pull.comments for body in comment.bodies]
    told += [check.summary + check.title for check in followed.shop.checks.values()]

    assert told
    assert not any(CANARY in text for text in told)


def test_button_of_a_check_approves_for_those_who_may_push_only(cast, github):
    followed = follow(cast, github)
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {"shop/new.py": "x = 1\n"})
    pull = followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()
    check = followed.shop.checks_of(pull.head_sha)["Daggerboard / deploy"]

    followed.host.press(check, "approve", repository=followed.shop, by="stranger")
    followed.settle()
    assert followed.pull().delivery_state == DeliveryState.HELD

    followed.host.press(check, "approve", repository=followed.shop, by="ada")
    followed.settle()
    assert followed.pull().delivery_state == DeliveryState.LOADING
    assert "ada" in followed.pull().approved_by


def test_fork_whose_repository_is_gone_stays_a_fork(followed, stranger, pull):
    stranger.is_deleted = True
    followed.poll()
    followed.work()

    assert followed.pull().is_fork
    assert followed.pull().delivery_state == DeliveryState.HELD


def test_commits_that_wait_leave_the_organization_its_branches(followed, pull):
    """Strangers open as many pull requests as they like."""
    set_quota(org_id=followed.org_id, name=QuotaName.BRANCH_DEPLOYMENTS, value=1, actor=followed.cast.actor)

    own = followed.open("own")
    followed.settle()

    assert followed.branches(BranchState.HELD) == [followed.branch(1).deployment.name]
    assert followed.pull(own.number).delivery_state == DeliveryState.LOADING


def test_commits_that_wait_are_limited_too(followed, stranger, pull):
    set_quota(org_id=followed.org_id, name=QuotaName.BRANCH_DEPLOYMENTS, value=1, actor=followed.cast.actor)

    stranger.push("again", {"shop/new.py": "x = 1\n"})
    second = followed.shop.open_pull_request("again", source=stranger, author="stranger")
    followed.settle()

    assert len(followed.branches(BranchState.HELD)) == 1
    assert followed.pull(second.number).delivery_state != DeliveryState.HELD


def test_ci_cannot_say_that_a_fork_is_none_where_its_repository_is_reached_no_more(cast, github):
    followed = follow(cast, github)
    followed.set(mode="off", base=None)
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {"shop/new.py": "x = 1\n"})
    pull = followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()
    with org_scope(followed.org_id):
        Repository.objects.for_org(followed.org_id).update(gone_at=timezone.now())

    facts = BranchFacts(repository=followed.repository.full_name, branch="idea", pull_request=pull.number)
    told = create_or_update(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)

    assert followed.pull(pull.number).is_fork
    assert told.is_fork
    assert told.deployment.is_fork
