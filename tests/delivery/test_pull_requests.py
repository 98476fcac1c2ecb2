"""Pull requests become branch deployments, and these always end: whatever of the webhooks is lost, repeated or late."""

import datetime

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from controlplane.delivery import pull_requests, reconciling
from controlplane.delivery.models import DeliveryState, GitConnection, PullRequest, Repository
from controlplane.deployments.models import BranchState
from tenants.scoping import org_scope
from tests.delivery.branches_of import fresh, is_awake, move_times
from tests.delivery.following import PROJECT, follow


@pytest.fixture
def followed(cast, github):
    return follow(cast, github)


@pytest.fixture
def either(cast, host):
    """A repository at GitHub, then one at GitLab."""
    return follow(cast, host)


def comments(pull):
    return [comment.body for comment in pull.comments]


def test_opened_pull_request_is_deployed_loaded_and_told_of(either):
    pull = either.delivered()

    row = either.pull()
    version = either.versions()["shop"]
    assert (row.delivery_state, row.delivered_sha) == (DeliveryState.READY, pull.head_sha)
    assert version.git_commit == pull.head_sha
    assert version.source_sha256
    assert either.branch().deployment.name == "pr-1"
    assert row.phases.keys() == {"queued", "built", "loaded"}
    assert [c.count("ready") for c in comments(pull)] == [1]
    assert either.branch().merge_base_sha == either.shop.git.head("main")


def test_push_deploys_again_and_keeps_what_did_not_change(followed):
    followed.delivered()
    before = followed.versions()["shop"]

    sha = followed.shop.push("feature", {"shop/new.py": "x = 2\n"})
    followed.settle()

    assert followed.versions()["shop"].git_commit == sha
    assert followed.versions()["shop"].number == before.number + 1


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


def test_label_decides(cast, github):
    followed = follow(cast, github, mode="label", exclude_labels=["no-preview"])
    pull = followed.open()
    followed.settle()
    assert followed.living == []
    assert pull.comments == []

    pull.label("preview")
    followed.settle()
    assert followed.living == ["pr-1"]

    pull.label("no-preview")
    followed.settle()
    assert followed.living == []


def test_mode_off_asks_nothing_of_the_host_and_deploys_nothing(cast, github):
    followed = follow(cast, github, mode="off")
    followed.open()
    followed.settle()

    assert followed.branches() == []


def test_mode_that_is_turned_off_ends_what_lives(followed):
    followed.delivered()
    followed.set(mode="off")
    followed.poll()
    followed.work()

    assert followed.living == []


def test_file_of_the_repository_overrides_the_settings(cast, github):
    said = "mode: label\nlabel: ship\nsleep_after: 2h\nexpire_after: never\ncomment: off\n"
    followed = follow(cast, github, {**PROJECT, ".daggerboard.yaml": said})
    pull = followed.open()
    followed.settle()
    assert followed.living == []

    pull.label("ship")
    followed.settle()

    assert followed.living == ["pr-1"]
    assert followed.branch().sleep_after_seconds == 7200
    assert followed.branch().expires_at is None
    assert pull.comments == []


def test_mistake_in_the_file_is_told_with_its_line(followed):
    pull = followed.open(files={".daggerboard.yaml": "mode: automatic\nslep_after: 1h\n"})
    followed.settle()

    assert followed.pull().delivery_state == DeliveryState.FAILED
    assert ".daggerboard.yaml:2" in followed.pull().delivery_note
    assert ".daggerboard.yaml:2" in comments(pull)[0]
    check = followed.shop.checks_of(pull.head_sha)["Daggerboard / deploy"]
    assert followed.branches() == []
    assert check.state in {"failure", "failed"}


def test_mistake_in_the_project_is_told_and_mended_by_the_next_push(followed):
    pull = followed.open(files={"dagster_cloud.yaml": "locations:\n- location_name: shop\n  imag: x\n"})
    followed.settle()
    assert "dagster_cloud.yaml:3" in followed.pull().delivery_note

    followed.shop.push("feature", {"dagster_cloud.yaml": PROJECT["dagster_cloud.yaml"]})
    followed.settle()

    assert followed.pull().delivery_state == DeliveryState.LOADING
    assert followed.pull().delivery_note == ""
    assert len(pull.comments) == 1


def test_repository_without_a_project_gets_no_comment(cast, github):
    followed = follow(cast, github, {"README.md": "nothing"})
    pull = followed.open()
    followed.settle()

    assert followed.branches() == []
    assert pull.comments == []


def test_fifty_pushes_make_one_comment(followed):
    pull = followed.open()
    followed.settle()
    for number in range(50):
        followed.shop.push("feature", {"shop/new.py": f"x = {number}\n"})
        if number % 10 == 0:
            followed.settle()
    followed.settle()

    assert len(pull.comments) == 1
    assert pull.head_sha[:7] in comments(pull)[0]


def test_comment_that_somebody_deleted_is_made_again_once(followed):
    pull = followed.delivered()
    followed.shop.comments.clear()
    followed.shop.push("feature", {"a.py": "1"})
    followed.settle()

    assert len(pull.comments) == 1


def test_nothing_is_written_when_nothing_changed(followed):
    followed.delivered()
    followed.poll()
    followed.work()
    followed.host.asked.clear()
    for _ in range(3):
        followed.poll()
        followed.work()

    assert [asked.path for asked in followed.host.asked if asked.method in {"POST", "PATCH", "PUT"}] == []


def test_no_deployment_object_is_active_after_the_end(either):
    pull = either.delivered()
    either.shop.push("feature", {"a.py": "1"})
    either.settle()
    either.load()
    either.work()
    pull.merge()
    either.settle()

    states = [made.state for made in either.shop.deployments.values()]
    assert len(states) >= 2
    assert set(states) <= {"inactive", "canceled", "failed"} or either.host.provider == "gitlab"


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


def test_sleep_and_warning_are_told(followed):
    pull = followed.delivered()
    move_times(followed.branch(), hours=2)
    followed.work()
    followed.work()
    assert "sleeps" in comments(pull)[-1]

    move_times(followed.branch(), days=6.1)
    followed.work()
    followed.work()

    assert "expires within a day" in comments(pull)[-1]
    assert "?ask=extend" in comments(pull)[-1]


@pytest.mark.parametrize("at", [0, 3, 6, 9, 11, 13])
def test_broken_off_anywhere_it_is_done_again_and_once(cast, github, at):
    """The host breaks off in the middle of the work, and whoever comes next goes on behind what was done."""
    followed = follow(cast, github)
    pull = followed.open()
    followed.handle_news()
    asked = len(followed.host.asked)
    original = followed.host.answer

    def dying(request):
        if len(followed.host.asked) - asked >= at:
            followed.host.fail(503, times=1)
        return original(request)

    followed.host.answer = dying
    followed.work(rounds=2)
    followed.host.answer = original
    followed.host.recover()
    _let_leases_end(followed)
    followed.work()
    followed.load()
    followed.work()

    assert followed.pull().delivery_state == DeliveryState.READY
    assert followed.living == ["pr-1"]
    assert len(pull.comments) == 1
    assert len({check.name for check in followed.shop.checks.values()}) == len(followed.shop.checks)


def _let_leases_end(followed):
    with org_scope(followed.org_id):
        rows = PullRequest.objects.for_org(followed.org_id)
        rows.update(leased_until=None, work_due_at=Now())


def test_comment_whose_answer_was_lost_is_not_made_twice(either):
    pull = either.delivered()
    with org_scope(either.org_id):
        PullRequest.objects.for_org(either.org_id).update(comment_id="", comment_sha256="", work_due_at=Now())
    either.work()

    assert len(pull.comments) == 1


def test_work_of_one_who_was_killed_is_taken_over_when_its_lease_ends(followed):
    followed.open()
    followed.handle_news()
    assert pull_requests._claim(followed.org_id, followed.pull().id) is not None
    followed.work()
    assert followed.pull().delivery_state == DeliveryState.NONE

    with org_scope(followed.org_id):
        past = Now() - datetime.timedelta(seconds=1)
        PullRequest.objects.for_org(followed.org_id).update(leased_until=past, work_due_at=past)
    pull_requests.look_after(org_id=followed.org_id, pull_request_id=followed.pull().id)

    assert followed.pull().delivery_state == DeliveryState.LOADING


def test_what_comes_in_while_somebody_works_is_looked_at_after(followed):
    pull = followed.open()
    followed.handle_news()
    lease = pull_requests._claim(followed.org_id, followed.pull().id)
    pull.edit(title="Another")
    followed.handle_news()
    pull_requests._release(lease, None)

    assert followed.pull().work_due_at <= lease.until
    assert followed.pull().work_due_at is not None


def test_default_branch_is_deployed_to_the_base(cast, github):
    followed = follow(cast, github, deploys_default_branch=True)
    sha = followed.shop.push("main", {"shop/new.py": "x = 1\n"})
    followed.poll()

    assert followed.repository.deployed_sha == sha


@override_settings(RECONCILE_SECONDS=300)
def test_next_look_comes_within_the_period(followed):
    followed.poll()

    assert followed.repository.reconcile_due_at <= _in(seconds=301)
    assert reconciling._claim(followed.org_id, followed.repository.id) is None
