"""Pull requests become branch deployments: which of them, from what, told once, and taken over from whoever was killed."""

import datetime

import pytest
from django.db.models.functions import Now

from controlplane.delivery.models import DeliveryState, PullRequest
from controlplane.delivery.pull_requests import attending as pull_requests
from controlplane.delivery.pull_requests import leases
from tenants.scoping import org_scope
from tests.delivery.branches_of import move_times
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
    assert leases.claim(followed.org_id, followed.pull().id) is not None
    with org_scope(followed.org_id):
        PullRequest.objects.for_org(followed.org_id).update(work_due_at=Now())
    pull_requests.look_after(org_id=followed.org_id, pull_request_id=followed.pull().id)
    assert followed.pull().delivery_state == DeliveryState.NONE

    with org_scope(followed.org_id):
        past = Now() - datetime.timedelta(seconds=1)
        PullRequest.objects.for_org(followed.org_id).update(leased_until=past, work_due_at=past)
    pull_requests.look_after(org_id=followed.org_id, pull_request_id=followed.pull().id)

    assert followed.pull().delivery_state == DeliveryState.LOADING


def test_what_comes_in_while_somebody_works_is_looked_at_after(followed):
    pull = followed.open()
    followed.handle_news()
    lease = leases.claim(followed.org_id, followed.pull().id)
    assert lease is not None
    pull.edit(title="Another")
    followed.handle_news()
    leases.release(lease, None)

    assert followed.pull().work_due_at <= lease.leased_until
    assert followed.pull().work_due_at is not None


def test_default_branch_is_deployed_to_the_base(cast, github):
    followed = follow(cast, github, deploys_default_branch=True)
    sha = followed.shop.push("main", {"shop/new.py": "x = 1\n"})
    followed.poll()

    assert followed.repository.deployed_sha == sha
