"""Every branch deployment ends with its pull request, and none by mistake: whatever of the webhooks is lost, and whatever hosts do."""

import datetime

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

from controlplane.delivery.models import DeliveryState, GitConnection, PullRequest, Repository
from controlplane.delivery.pull_requests import reconciling
from controlplane.deployments.models import BranchState
from tenants.scoping import org_scope
from tests.delivery.branches_of import fresh, is_awake, move_times
from tests.delivery.following import follow


@pytest.fixture
def followed(cast, github):
    return follow(cast, github)


@pytest.fixture
def either(cast, host):
    """A repository at GitHub, then one at GitLab."""
    return follow(cast, host)


def comments(pull):
    return [comment.body for comment in pull.comments]


def test_closed_pull_request_ends_its_branch_deployment(followed):
    pull = followed.delivered()
    pull.close()
    followed.settle()

    assert followed.branch().state == BranchState.ARCHIVED
    assert followed.branch().pull_request_status == "CLOSED"
    assert not is_awake(followed.branch())
    assert followed.pull().delivery_state == DeliveryState.CLOSED
    assert "closed" in comments(pull)[-1]


def test_all_webhooks_of_the_end_are_lost_and_every_branch_is_gone_within_the_period(either):
    pulls = [either.delivered(f"feature-{number}") for number in range(4)]
    either.host.outbox.loses = lambda _delivery: True
    for pull in pulls[:2]:
        pull.close()
    pulls[2].merge()

    either.poll()
    either.work()

    assert either.living == ["pr-4"]
    assert [either.pull(number).state for number in (1, 2, 3, 4)] == ["closed", "closed", "merged", "open"]


def test_no_webhook_at_all_is_needed(followed):
    followed.host.outbox.loses = lambda _delivery: True
    followed.open()
    followed.poll()
    followed.work()

    assert followed.living == ["pr-1"]
    assert followed.pull().delivery_state == DeliveryState.LOADING


@pytest.mark.parametrize("seed", range(3))
def test_webhooks_repeated_and_in_another_order_end_in_the_same(followed, seed):
    outbox = followed.host.outbox
    outbox.holds, outbox.repeats = True, 2
    pulls = [followed.open(f"feature-{number}") for number in range(3)]
    followed.shop.push("feature-0", {"a.py": "1"})
    pulls[1].close()
    pulls[1].reopen()
    pulls[2].close()

    outbox.release(shuffled_by=seed)
    followed.settle()

    assert followed.living == ["pr-1", "pr-2"]
    assert followed.pull(1).head_sha == pulls[0].head_sha


def test_older_facts_change_nothing(followed):
    pull = followed.open()
    followed.settle()
    with org_scope(followed.org_id):
        later = PullRequest.objects.for_org(followed.org_id).filter(number=1)
        later.update(updated_at=Now() + datetime.timedelta(hours=1), title="Newer")
    pull.edit(title="Older")
    followed.poll()

    assert followed.pull().title == "Newer"


def test_reopened_pull_request_brings_it_back(either):
    pull = either.delivered()
    pull.close()
    either.settle()
    pull.reopen()
    either.settle()
    either.load()
    either.work()

    assert either.branch().state == BranchState.ACTIVE
    assert is_awake(either.branch())
    assert either.pull().delivery_state == DeliveryState.READY
    assert len(pull.comments) == 1


def test_renamed_repository_keeps_its_branches(either):
    pull = either.delivered()
    either.shop.rename("store")
    either.poll()
    either.shop.push("feature", {"a.py": "1"})
    either.settle()

    assert either.living == ["pr-1"]
    assert either.branch().repository == "acme/store"
    assert either.pull().delivered_sha == pull.head_sha


def test_transferred_repository_keeps_its_branches(followed):
    followed.delivered()
    followed.host.outbox.loses = lambda _delivery: True
    followed.shop.transfer("elsewhere")
    followed.poll()
    followed.work()

    assert followed.living == ["pr-1"]
    assert followed.branch().repository == "elsewhere/shop"


def test_force_push_deploys_the_new_head(either):
    either.delivered()
    sha = either.shop.force_push("feature", {"shop/other.py": "y = 1\n"})
    either.settle()

    assert either.pull().delivered_sha == sha
    assert either.living == ["pr-1"]


def test_deleted_branch_ends_it_where_the_host_closes_the_pull_request(cast, github):
    followed = follow(cast, github)
    followed.delivered()
    followed.shop.delete_branch("feature")
    followed.settle()

    assert followed.living == []


def _pass_grace(followed):
    """As if the host had said so for more than the grace."""
    with org_scope(followed.org_id):
        for rows in (Repository, GitConnection, PullRequest):
            gone = rows.objects.for_org(followed.org_id).filter(gone_at__isnull=False)
            gone.update(gone_at=Now() - datetime.timedelta(hours=2))


@pytest.mark.parametrize("how", ["deleted", "uninstalled", "out of reach"])
def test_repository_that_is_gone_ends_its_branches_after_the_grace_only(either, how):
    either.delivered()
    if how == "deleted":
        either.shop.delete()
    elif how == "uninstalled":
        either.host.uninstall()
    else:
        either.shop.is_reachable = False
    either.handle_news()
    for _ in range(3):
        either.poll()
        either.work()
    assert either.living == ["pr-1"]
    assert either.repository.error

    _pass_grace(either)
    either.poll()
    either.work()

    assert either.living == []
    assert either.pull().state == "gone"
    assert not is_awake(either.branch())


def test_repository_that_comes_back_within_the_grace_loses_nothing(followed):
    followed.delivered()
    followed.shop.is_reachable = False
    followed.poll()
    followed.shop.is_reachable = True
    followed.poll()
    assert followed.repository.gone_at is None
    assert followed.repository.error == ""

    followed.shop.is_reachable = False
    followed.poll()
    followed.work()

    assert followed.living == ["pr-1"]


@pytest.mark.parametrize("how", ["our own rules", 403, 451])
def test_refusal_that_may_end_again_ends_nothing_however_long(followed, how):
    followed.delivered()
    allowed = [] if how == "our own rules" else settings.OUTBOUND_ALLOWED_NETWORKS
    if isinstance(how, int):
        followed.host.fail(how, times=float("inf"))
    with override_settings(OUTBOUND_ALLOWED_NETWORKS=allowed):
        for _ in range(3):
            followed.poll()
            followed.work()
            _pass_grace(followed)

    assert followed.living == ["pr-1"]
    assert followed.pull().state == "open"
    assert followed.repository.error
    assert followed.repository.gone_at is None


def test_looks_that_say_something_else_begin_the_grace_anew(followed):
    followed.delivered()
    followed.shop.is_reachable = False
    followed.poll()
    _pass_grace(followed)
    followed.host.fail(403, times=1)
    followed.poll()
    followed.poll()
    followed.work()
    assert followed.living == ["pr-1"]


def test_default_branch_that_is_not_there_is_no_error_and_ends_nothing(cast, host):
    followed = follow(cast, host)
    followed.delivered()
    followed.set(deploys_default_branch=True)
    followed.shop.default_branch = "nowhere"
    for _ in range(2):
        followed.poll()
        followed.work()
        _pass_grace(followed)

    assert (followed.repository.error, followed.repository.gone_at) == ("", None)
    assert followed.living == ["pr-1"]


def test_older_news_of_a_pull_request_still_says_that_it_is_there(followed):
    followed.delivered()
    with org_scope(followed.org_id):
        rows = PullRequest.objects.for_org(followed.org_id)
        rows.update(gone_at=Now(), updated_at=Now() + datetime.timedelta(days=1))
    followed.poll()
    assert followed.pull().gone_at is None


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_outage_of_the_host_ends_nothing_however_long(followed, status):
    followed.delivered()
    followed.host.fail(status, times=float("inf"))
    for _ in range(3):
        followed.poll()
        followed.work()
        _pass_grace(followed)
    assert followed.living == ["pr-1"]
    assert followed.repository.error

    followed.host.recover()
    followed.poll()
    followed.work()

    assert followed.living == ["pr-1"]
    assert followed.repository.error == ""


def test_rate_limit_puts_the_next_look_off_as_long_as_the_host_asks(followed):
    followed.host.rate_limit(1800)
    followed.poll()

    assert followed.repository.reconcile_due_at > _in(minutes=28)


def _in(**time):
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(**time)


def test_expired_branch_of_an_open_pull_request_comes_back_with_a_push(followed):
    pull = followed.delivered()
    move_times(followed.branch(), days=8)
    followed.work()
    followed.work()
    assert fresh(followed.branch()).state == BranchState.ARCHIVED
    assert followed.pull().delivery_state == DeliveryState.CLOSED
    followed.poll()
    followed.work()
    assert followed.living == []
    assert "expired" in comments(pull)[-1]

    followed.shop.push("feature", {"a.py": "1"})
    followed.settle()

    assert followed.living == ["pr-1"]


@override_settings(RECONCILE_SECONDS=300)
def test_next_look_comes_within_the_period(followed):
    followed.poll()

    assert followed.repository.reconcile_due_at <= _in(seconds=301)
    assert reconciling._claim(followed.org_id, followed.repository.id) is None


def test_times_are_of_the_database_and_not_of_a_worker_whose_clock_is_wrong(followed, monkeypatch):
    wrong = timezone.now() - datetime.timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    with org_scope(followed.org_id):
        Repository.objects.for_org(followed.org_id).update(reconcile_due_at=Now())
    lease = reconciling._claim(followed.org_id, followed.repository.id)
    assert lease is not None
    assert lease > _in(seconds=0)
    reconciling._note(followed.repository, lease, "")
    assert followed.repository.reconcile_due_at > _in(seconds=60)
