"""Who looks after a pull request and in which order things may happen to it meanwhile; why it is not deployed is told, and told once."""

import datetime

import pytest
from django.db.models.functions import Now

from controlplane.delivery.branches import approvals
from controlplane.delivery.connections import services
from controlplane.delivery.full_deployments.deletion import delete_deployment
from controlplane.delivery.models import BranchLife, DeliveryState, PullRequest, Repository, WebhookDelivery
from controlplane.delivery.pull_requests import attending, delivering, leases, postponing
from controlplane.deployments.branches import BranchFacts, ensure_branch, find_branch
from controlplane.deployments.models import BranchDeployment, BranchState
from tenants.limits.models import QuotaName
from tenants.limits.quotas import set_quota
from tenants.models import Organization
from tenants.outbound_rules import OutboundRefusedError
from tenants.scoping import org_scope
from tests.delivery.connected import connect
from tests.delivery.following import PROJECT, Followed, follow


@pytest.fixture
def followed(cast, github):
    return follow(cast, github)


def pulls(followed):
    return PullRequest.objects.for_org(followed.org_id)


def change(followed, **values):
    with org_scope(followed.org_id):
        pulls(followed).update(**values)


def look(followed):
    """One look, however long it was to be waited for."""
    change(followed, work_due_at=Now(), leased_until=None)
    attending.look_after(org_id=followed.org_id, pull_request_id=followed.pull().id)


def archives(followed, since):
    return [asked.path for asked in followed.host.asked[since:] if "tarball" in asked.path]


def use_up_quota(followed):
    _branch_named(followed, "acme/other")
    set_quota(org_id=followed.org_id, name=QuotaName.BRANCH_DEPLOYMENTS, value=1, actor=followed.cast.actor)


def test_branch_that_is_still_closing_is_waited_for_without_asking_the_host(followed):
    followed.delivered()
    deployment_id = followed.branch().deployment_id
    with org_scope(followed.org_id):
        BranchDeployment.objects.for_org(followed.org_id).update(state=BranchState.CLOSING)
        BranchLife.objects.for_org(followed.org_id).update(due_at=Now() + datetime.timedelta(hours=1))
    # As after a push that reopens it: its earlier life may not even be known as its own.
    change(followed, delivered_sha="", delivery_state="queued", deployment_id=None)
    look(followed)
    before = len(followed.host.asked)
    looked_at = datetime.datetime.now(datetime.UTC)
    look(followed)
    row = followed.pull()

    assert followed.host.asked[before:] == []
    assert (row.delivery_state, row.deployment_id) == (DeliveryState.QUEUED, deployment_id)
    assert "still being closed" in row.delivery_note
    assert row.work_due_at > looked_at + datetime.timedelta(seconds=20)


def test_quota_that_is_reached_is_told_once_and_overcome_by_itself(followed):
    use_up_quota(followed)
    pull = followed.open()
    followed.handle_news()
    for _ in range(3):
        look(followed)
    assert followed.pull().delivery_state == DeliveryState.FAILED
    assert "branch deployments" in pull.comments[0].body
    assert followed.shop.checks_of(pull.head_sha)["Daggerboard / deploy"].state == "failure"
    # Building, then why not; the later tries are not told of.
    assert len(pull.comments[0].bodies) == 2

    set_quota(org_id=followed.org_id, name=QuotaName.BRANCH_DEPLOYMENTS, value=5, actor=followed.cast.actor)
    look(followed)
    assert followed.pull().delivery_state == DeliveryState.LOADING
    assert "branch deployments" not in pull.comments[0].body


def test_organization_that_is_read_only_is_told(followed):
    pull = followed.open()
    followed.handle_news()
    Organization.objects.filter(id=followed.org_id).update(state="read_only")
    look(followed)

    assert "read-only" in pull.comments[0].body


def test_fork_that_cannot_be_held_is_told_why(followed):
    use_up_quota(followed)
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {"shop/new.py": "x = 1\n"})
    pull = followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()

    assert "branch deployments" in pull.comments[0].body


def test_words_of_hosts_and_names_of_machines_are_not_public(followed):
    pull = followed.open()
    followed.handle_news()
    followed.host.fail(400, path="/compare/", times=float("inf"))
    look(followed)

    assert "refuses" in followed.pull().delivery_note
    assert "refuses" in pull.comments[0].body
    assert "Trouble" not in pull.comments[0].body
    assert "Trouble" in followed.pull().report_error
    for error in (OutboundRefusedError("10.1.2.3 is inside"), OSError("/var/lib/x")):
        assert not {"10.1.2.3", "/var/lib/x"} & set(postponing.public_words(error).split())


def test_second_commit_that_cannot_be_deployed_does_not_look_like_the_first(followed):
    followed.delivered()
    sha = followed.shop.push("feature", {"dagster_cloud.yaml": "locations:\n- location_name: shop\n  imag: x\n"})
    followed.settle()

    assert followed.shop.checks_of(sha)["Daggerboard / deploy"].state == "failure"
    assert set(followed.shop.checks_of(sha)) == {"Daggerboard / deploy"}


def test_mistake_of_ours_is_tried_again_ever_later(followed):
    followed.open()
    followed.handle_news()
    # An address that no code of ours stores, and that none can work with.
    with org_scope(followed.org_id):
        Repository.objects.for_org(followed.org_id).update(web_url="nowhere")
    for _ in range(4):
        looked_at = datetime.datetime.now(datetime.UTC)
        with pytest.raises(IndexError):
            look(followed)
    row = followed.pull()

    assert row.failures == 4
    assert row.work_due_at > looked_at + datetime.timedelta(seconds=20)


def test_rebuild_that_is_pressed_while_somebody_works_is_not_undone(followed):
    followed.delivered()
    change(followed, work_due_at=Now())
    held = leases.claim(followed.org_id, followed.pull().id)
    approvals.rebuild(org_id=followed.org_id, deployment_id=followed.branch().deployment_id, actor=followed.cast.actor)
    delivering.become(held, DeliveryState.READY, "", phase="loaded")
    leases.release(held, None)
    assert followed.pull().delivered_sha == ""

    before = len(followed.host.asked)
    followed.work()
    assert len(archives(followed, before)) == 1


def test_deployment_that_was_deleted_meanwhile_is_not_brought_back(followed):
    followed.delivered()
    change(followed, work_due_at=Now())
    held = leases.claim(followed.org_id, followed.pull().id)
    change(followed, deployment_id=None)
    delivering.become(held, DeliveryState.READY, "")

    assert followed.pull().deployment_id is None


def test_worker_whose_lease_was_taken_over_writes_nothing(followed):
    followed.open()
    followed.handle_news()
    slow = leases.claim(followed.org_id, followed.pull().id)
    past = Now() - datetime.timedelta(seconds=1)
    change(followed, leased_until=past, work_due_at=past)
    other = leases.claim(followed.org_id, followed.pull().id)

    for late in (lambda: leases.renew(slow), lambda: delivering.become(slow, DeliveryState.READY, "")):
        with pytest.raises(leases.OvertakenError):
            late()
    leases.release(slow, None)
    assert followed.pull().leased_until == other.leased_until
    assert followed.pull().delivery_state == DeliveryState.NONE


def test_lease_is_renewed_and_given_back(followed):
    followed.open()
    followed.handle_news()
    held = leases.claim(followed.org_id, followed.pull().id)
    first = held.leased_until
    leases.renew(held)
    assert held.leased_until > first
    assert followed.pull().work_due_at == held.leased_until

    leases.release(held, None)
    assert (followed.pull().leased_until, followed.pull().work_due_at) == (None, None)


def _branch_named(followed, repository, **facts):
    told = BranchFacts(repository=repository, branch="feature", **facts)
    return ensure_branch(org_id=followed.org_id, parent=followed.cast.deployment, facts=told, actor=followed.cast.actor)


def test_rename_leaves_names_that_ci_told_of_and_its_own_are_found_again(followed):
    own_id = followed.repository.id
    own = _branch_named(followed, "acme/shop", repository_id=own_id)
    numbered = _branch_named(followed, "acme/shop", pull_request=7, repository_id=own_id)
    _branch_named(followed, "acme/store")
    _branch_named(followed, "acme/store", pull_request=7)
    followed.shop.rename("store")
    followed.poll()

    assert followed.repository.full_name == "acme/store"
    assert followed.repository.error == ""
    for known, number in ((own, None), (numbered, 7)):
        told = BranchFacts(repository="acme/store", branch="feature", pull_request=number, repository_id=own_id)
        with org_scope(followed.org_id):
            assert find_branch(followed.org_id, told).deployment_id == known.deployment_id


def test_branch_that_is_deleted_by_hand_is_told_and_forgotten(followed):
    pull = followed.delivered()
    delete_deployment(
        org_id=followed.org_id,
        deployment_id=followed.branch().deployment_id,
        typed_name=None,
        actor=followed.cast.actor,
        cancel_runs=True,
    )
    followed.work()
    row = followed.pull()

    assert (row.delivery_state, row.deployment_id) == (DeliveryState.CLOSED, None)
    assert "deleted" in pull.comments[0].body
    assert {made.state for made in followed.shop.deployments.values()} == {"inactive"}
    followed.poll()
    followed.work()
    assert followed.branches() == []


@pytest.fixture
def twice(followed):
    """The same repository through two connections, with one pull request that is delivered."""
    other = Followed(connect(followed.cast, followed.host, name="second"), followed.shop)
    other.set()
    followed.open()
    followed.poll()
    followed.work()
    followed.load()
    followed.work()
    assert followed.living == ["pr-1"]
    return other


def test_connection_that_is_deleted_leaves_what_another_keeps(followed, twice):
    assert followed.pull().deployment_id == twice.pull().deployment_id
    services.delete_connection(org_id=twice.org_id, connection_id=twice.connected.connection.id, actor=twice.cast.actor)

    assert followed.living == ["pr-1"]


def test_pull_request_of_two_connections_ends_at_one_and_then_at_the_other(followed, twice):
    twice.set(mode="off")
    twice.poll()
    twice.work()
    row = twice.pull()
    assert (row.delivery_state, row.deployment_id, row.work_due_at) == (DeliveryState.CLOSED, None, None)
    assert followed.living == ["pr-1"]

    followed.set(mode="off")
    followed.poll()
    followed.work()
    assert followed.living == []


def test_file_that_is_wrong_is_not_fetched_again_before_it_is_another(followed):
    followed.open(files={".daggerboard.yaml": "slep_after: 1h\n"})
    followed.settle()
    before = len(followed.host.asked)
    followed.poll()
    followed.work()
    assert archives(followed, before) == []
    assert followed.pull().delivery_state == DeliveryState.FAILED

    followed.shop.push("feature", {".daggerboard.yaml": "sleep_after: 1h\n"})
    followed.settle()
    assert followed.pull().delivery_state == DeliveryState.LOADING


def test_fork_comes_back_when_the_file_of_its_base_is_mended(cast, github):
    followed = follow(cast, github, {**PROJECT, ".daggerboard.yaml": "slep_after: 1h\n"})
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {"shop/new.py": "x = 1\n"})
    followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()
    assert followed.pull().delivery_state == DeliveryState.FAILED
    before = len(followed.host.asked)
    followed.poll()
    followed.work()
    assert archives(followed, before) == []

    followed.shop.push("main", {".daggerboard.yaml": "sleep_after: 1h\n"})
    followed.poll()
    followed.work()
    assert followed.pull().delivery_state == DeliveryState.HELD


def test_button_waits_for_a_host_that_does_not_answer_and_not_for_ever(followed):
    pull = followed.delivered()
    check = followed.shop.checks_of(pull.head_sha)["Daggerboard / deploy"]
    followed.host.fail(503, times=float("inf"))
    followed.host.press(check, "rebuild", repository=followed.shop, by="ada")
    followed.handle_news()
    assert followed.pull().delivery_state == DeliveryState.READY
    followed.host.recover()
    followed.handle_news()
    assert followed.pull().delivery_state == DeliveryState.QUEUED

    followed.host.fail(503, times=float("inf"))
    followed.host.press(check, "rebuild", repository=followed.shop, by="ada")
    with org_scope(followed.org_id):
        waiting = WebhookDelivery.objects.for_org(followed.org_id).filter(handled_at=None)
        waiting.update(received_at=Now() - datetime.timedelta(minutes=11))
        assert waiting.exists()
        followed.handle_news()
        assert not waiting.exists()
