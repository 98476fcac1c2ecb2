"""What every Git host must do (hosts/base.py): both clients pass, against servers that speak the hosts' own payloads."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.delivery.hosts.base import (
    Annotation,
    CheckReport,
    CheckStatus,
    GitHost,
    HostDeploymentReport,
    HostDeploymentState,
    HostGoneError,
    HostRefusedError,
    HostUnavailableError,
    NewsKind,
    Webhook,
    WebhookRefusedError,
)
from tenants.errors import InvalidError, TooLargeError
from tests.delivery.hosts.clients import as_webhook, client_of, read_webhook
from tests.delivery.hosts.host import FakeHost
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository

UNKNOWN = "1" * 40


@pytest.fixture
def client(host: FakeHost) -> GitHost:
    return client_of(host)


@pytest.fixture
def shop(host: FakeHost) -> FakeRepository:
    return host.add_repository("acme/shop")


@pytest.fixture
def pull(shop: FakeRepository) -> FakePullRequest:
    shop.push("feature/pay", {"shop/pay.py": "x = 1\n"}, "Pay\n\nAt last.")
    return shop.open_pull_request("feature/pay", title="Pay", labels=["preview"])


def report(pull: FakePullRequest, status: CheckStatus, **fields: Any) -> CheckReport:
    known: dict[str, Any] = {
        "name": "Daggerboard / shop",
        "sha": pull.head_sha,
        "status": status,
        "title": "Three assets",
        "summary": "Loaded.",
        "details_url": "https://dagger.example/acme/d/pr-1",
        "external_id": "shop",
    }
    return CheckReport(**{**known, **fields})


def deployed(pull: FakePullRequest, state: HostDeploymentState, **fields: Any) -> HostDeploymentReport:
    known: dict[str, Any] = {
        "environment": "dagster/shop/pr-1",
        "ref": pull.branch,
        "sha": pull.head_sha,
        "state": state,
        "environment_url": "https://dagger.example/acme/pr-1",
        "log_url": "https://dagger.example/acme/pr-1/log",
        "description": "x" * 200,
    }
    return HostDeploymentReport(**{**known, **fields})


def test_credential_says_whose_it_is(client):
    assert "Acme" in client.check() or "project_7_bot" in client.check()


def test_repositories_come_whole_over_pages(host, client):
    one = host.add_repository("acme/one")
    known = [host.add_repository(f"acme/r{n}", git_of=one.git).full_name for n in range(104)]
    assert sorted(row.full_name for row in client.repositories()) == sorted(["acme/one", *known])


def test_what_is_not_reached_is_not_listed(host, client, shop):
    host.add_repository("acme/secret").is_reachable = False
    assert [row.full_name for row in client.repositories()] == ["acme/shop"]


def test_renamed_and_transferred_repository_keeps_its_id(client, shop):
    before = client.repository(str(shop.id))
    shop.rename("store")
    shop.transfer("globex")
    after = client.repository(str(shop.id))
    assert (before.full_name, after.full_name) == ("acme/shop", "globex/store")
    assert before.external_id == after.external_id == str(shop.id)
    assert after.default_branch == "main"


def test_deleted_repository_is_gone(client, shop):
    shop.delete()
    with pytest.raises(HostGoneError):
        client.repository(str(shop.id))
    with pytest.raises(HostGoneError):
        list(client.open_pull_requests(str(shop.id)))


def test_pull_request_is_told_as_it_is(client, shop, pull):
    facts = client.pull_request(str(shop.id), pull.number)
    assert (facts.number, facts.state, facts.title, facts.author) == (pull.number, "open", "Pay", "ada")
    assert (facts.head_sha, facts.head_branch, facts.base_branch) == (pull.head_sha, "feature/pay", "main")
    assert (facts.head_repository, facts.is_fork, facts.labels) == ("acme/shop", False, ("preview",))
    assert datetime.now(UTC) - facts.updated_at < timedelta(minutes=5)
    assert facts.url.startswith("https://")
    assert list(client.open_pull_requests(str(shop.id))) == [facts]


def test_open_pull_requests_come_whole_over_pages(client, shop, pull):
    for _n in range(103):
        shop.open_pull_request("feature/pay")
    shop.pull_requests[50].close()
    numbers = [facts.number for facts in client.open_pull_requests(str(shop.id))]
    assert numbers == [n for n in range(1, 105) if n != 50]


@pytest.mark.parametrize("end", ["close", "merge"])
def test_ended_pull_request_is_known_and_not_listed(client, shop, pull, end):
    getattr(pull, end)()
    assert client.pull_request(str(shop.id), pull.number).state == {"close": "closed", "merge": "merged"}[end]
    assert list(client.open_pull_requests(str(shop.id))) == []


def test_change_is_seen_at_once_whatever_was_read_before(client, shop, pull):
    assert client.pull_request(str(shop.id), pull.number).state == "open"
    assert client.pull_request(str(shop.id), pull.number).state == "open"
    pull.close()
    assert client.pull_request(str(shop.id), pull.number).state == "closed"
    pull.reopen()
    sha = shop.force_push("feature/pay", {"shop/pay.py": "x = 2\n"})
    facts = client.pull_request(str(shop.id), pull.number)
    assert (facts.state, facts.head_sha) == ("open", sha)


def test_unknown_pull_request_is_gone(client, shop):
    with pytest.raises(HostGoneError):
        client.pull_request(str(shop.id), 99)


def fork_pull(shop: FakeRepository) -> FakePullRequest:
    fork = shop.fork("stranger")
    fork.push("patch-1", {"evil.py": "x = 1\n"})
    return shop.open_pull_request("patch-1", source=fork, author="stranger")


def test_fork_is_known_as_one(client, shop):
    pull = fork_pull(shop)
    facts = client.pull_request(str(shop.id), pull.number)
    assert (facts.is_fork, facts.head_repository, facts.author) == (True, "stranger/shop", "stranger")


def test_pull_request_of_a_deleted_fork_is_still_a_strangers(client, shop):
    pull = fork_pull(shop)
    pull.source.delete()
    facts = client.pull_request(str(shop.id), pull.number)
    assert (facts.is_fork, facts.head_repository) == (True, "")
    assert client.commit(str(shop.id), facts.head_sha).sha == pull.head_sha


def test_head_of_a_branch_with_a_slash(client, shop, pull):
    assert client.branch_head(str(shop.id), "feature/pay") == pull.head_sha
    with pytest.raises(HostGoneError):
        client.branch_head(str(shop.id), "feature/none")


def test_commit_is_told(client, shop, pull):
    facts = client.commit(str(shop.id), pull.head_sha)
    assert (facts.sha, facts.message) == (pull.head_sha, "Pay\n\nAt last.")
    assert (facts.author_name, facts.author_email) == ("Ada Lovelace", "ada@example.com")
    assert facts.committed_at.tzinfo is not None
    with pytest.raises(HostGoneError):
        client.commit(str(shop.id), UNKNOWN)


def test_merge_base_is_where_a_branch_left(client, shop, pull):
    left = shop.git.head("main")
    shop.push("main", {"README.md": "# Newer\n"})
    assert client.merge_base(str(shop.id), "main", pull.head_sha) == left
    assert client.merge_base(str(shop.id), shop.git.head("main"), pull.head_sha) == left


def test_merge_base_of_a_fork(client, shop):
    left = shop.git.head("main")
    pull = fork_pull(shop)
    shop.push("main", {"README.md": "# Newer\n"})
    assert client.merge_base(str(shop.id), "main", pull.head_sha) == left


def test_history_is_newest_first_and_bounded(client, shop):
    first = shop.git.head("main")
    shas = [shop.push("main", {"n": str(n)}) for n in range(5)]
    assert client.history(str(shop.id), shas[-1], 3) == shas[:1:-1]
    assert client.history(str(shop.id), shas[-1], 250) == [*shas[::-1], first]


def test_changed_files_have_both_names_of_a_renamed_one(client, shop):
    base = shop.git.head("main")
    content = "a line\n" * 50
    middle = shop.push("work", {"old.py": content, "gone.py": "1"})
    head = shop.push("work", {"old.py": None, "new.py": content, "gone.py": None, "README.md": "2"})
    assert client.changed_files(str(shop.id), middle, head) == ["README.md", "gone.py", "new.py", "old.py"]
    assert client.changed_files(str(shop.id), base, base) == []


def test_changed_files_between_commits_that_parted(client, shop):
    one = shop.push("one", {"one.py": "1"})
    other = shop.force_push("other", {"other.py": "2"})
    assert client.changed_files(str(shop.id), one, other) == ["one.py", "other.py"]


def test_changed_files_are_complete_beyond_what_hosts_compare(client, shop):
    base = shop.git.head("main")
    head = shop.push("many", {f"many/{n:04}.py": str(n) for n in range(1100)})
    assert len(client.changed_files(str(shop.id), base, head)) == 1100


def test_archive_is_the_tree_of_the_commit(host, client, shop, pull):
    packed = client.archive(str(shop.id), pull.head_sha, 10_000_000)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        names = [member.name for member in tar if member.isfile()]
    assert len({name.split("/")[0] for name in names}) == 1
    assert "shop/pay.py" in {name.split("/", maxsplit=1)[1] for name in names}


def test_archive_that_is_too_large_is_refused(client, shop, pull):
    with pytest.raises(TooLargeError, match="100 bytes"):
        client.archive(str(shop.id), pull.head_sha, 100)


def test_archive_of_an_unknown_commit_is_gone(client, shop):
    with pytest.raises(HostGoneError):
        client.archive(str(shop.id), UNKNOWN, 10_000_000)


def test_comment_is_edited_and_made_again_when_somebody_deleted_it(client, shop, pull):
    first = client.write_comment(str(shop.id), pull.number, "One", "")
    assert client.write_comment(str(shop.id), pull.number, "Two ✓", first) == first
    assert [comment.bodies for comment in pull.comments] == [["One", "Two ✓"]]
    shop.comments.clear()
    second = client.write_comment(str(shop.id), pull.number, "Three", first)
    assert second != first
    assert [comment.body for comment in pull.comments] == ["Three"]


def test_check_goes_through_its_states(client, shop, pull):
    known = ""
    for status in (CheckStatus.QUEUED, CheckStatus.IN_PROGRESS, CheckStatus.IN_PROGRESS, CheckStatus.SUCCESS):
        known = client.write_check(str(shop.id), report(pull, status), known)
    check = shop.checks_of(pull.head_sha)["Daggerboard / shop"]
    assert (str(check.id), check.state, check.url) == (known, "success", "https://dagger.example/acme/d/pr-1")
    assert check.title == "Three assets"


@pytest.mark.parametrize("status", list(CheckStatus))
def test_every_state_of_a_check_is_taken(client, shop, pull, status):
    known = client.write_check(str(shop.id), report(pull, status, summary="s" * 100_000), "")
    client.write_check(str(shop.id), report(pull, CheckStatus.FAILURE), known)
    assert shop.checks_of(pull.head_sha)["Daggerboard / shop"].state in {"failure", "failed"}


def test_annotations_are_bounded_and_told_once(client, shop, pull):
    notes = tuple(Annotation("shop/pay.py", n + 1, "No such name", "x is not defined") for n in range(60))
    failed = report(pull, CheckStatus.FAILURE, annotations=notes)
    known = client.write_check(str(shop.id), replace(failed, status=CheckStatus.IN_PROGRESS), "")
    known = client.write_check(str(shop.id), failed, known)
    client.write_check(str(shop.id), failed, known)
    assert len(shop.checks_of(pull.head_sha)["Daggerboard / shop"].annotations) == (
        50 if client.shows_annotations else 0
    )


def test_check_of_a_forks_commit(client, shop):
    pull = fork_pull(shop)
    client.write_check(str(shop.id), report(pull, CheckStatus.ACTION_REQUIRED), "")
    assert shop.checks_of(pull.head_sha)["Daggerboard / shop"].state in {"action_required", "pending"}


def test_deployment_goes_through_its_states(client, shop, pull):
    known = client.write_deployment(str(shop.id), deployed(pull, HostDeploymentState.IN_PROGRESS), "")
    for state in (HostDeploymentState.IN_PROGRESS, HostDeploymentState.SUCCESS, HostDeploymentState.INACTIVE):
        assert client.write_deployment(str(shop.id), deployed(pull, state), known) == known
    (made,) = shop.deployments.values()
    assert (made.sha, made.environment, made.states[0]) == (pull.head_sha, "dagster/shop/pr-1", "in_progress") or (
        made.states[0] == "running"
    )
    assert made.states[-2:] == ["success", "inactive"]
    assert made.url == "https://dagger.example/acme/pr-1"
    assert len(made.description) <= 140


def test_deployment_is_made_again_when_it_is_gone(client, shop, pull):
    known = client.write_deployment(str(shop.id), deployed(pull, HostDeploymentState.SUCCESS), "")
    shop.deployments.clear()
    assert client.write_deployment(str(shop.id), deployed(pull, HostDeploymentState.FAILURE), known) != known
    assert [made.state for made in shop.deployments.values()] == [
        {True: "failure", False: "failed"}[client.shows_annotations]
    ]


def test_who_may_write(client, shop):
    assert client.may_write(str(shop.id), "ada")
    assert not client.may_write(str(shop.id), "stranger")
    assert not client.may_write(str(shop.id), "ad")
    assert not client.may_write(str(shop.id), "reader")


def test_rate_limit_says_how_long(host, client, shop):
    host.rate_limit(120, path="GET")
    with pytest.raises(HostUnavailableError, match="slow down") as caught:
        client.repository(str(shop.id))
    assert caught.value.retry_after is not None
    assert 60 <= caught.value.retry_after <= 121
    assert client.repository(str(shop.id)).full_name == "acme/shop"


@pytest.mark.parametrize(
    ("status", "error"), [(500, HostUnavailableError), (403, HostRefusedError), (404, HostGoneError)]
)
def test_trouble_has_a_name(host, client, shop, status, error):
    host.fail(status, path=f"GET .*{shop.id}")
    with pytest.raises(error):
        client.pull_request(str(shop.id), 1)


def test_host_that_is_away(client, shop, host):
    away = client_of(host)
    host.port = 1
    with pytest.raises(HostUnavailableError, match="does not accept connections"):
        client_of(host).repository(str(shop.id))
    assert away.repository(str(shop.id))


def test_credential_that_is_no_more(host, client, shop):
    assert client.repository(str(shop.id))
    host.uninstall()
    with pytest.raises((HostGoneError, HostRefusedError)):
        client.repository(str(shop.id))
    with pytest.raises((HostGoneError, HostRefusedError)):
        client.check()


# ---- webhooks


def news(host: FakeHost) -> Iterator[Any]:
    return (read_webhook(host, as_webhook(one), host.webhook_secret) for one in host.outbox.waiting)


def test_news_of_a_pull_request(host, shop, pull):
    pull.label("urgent")
    shop.push("feature/pay", {"n": "2"})
    pull.close()
    found = [one for one in news(host) if one.kind == NewsKind.PULL_REQUEST]
    assert {(one.repository_id, one.number, one.branch) for one in found} == {(str(shop.id), 1, "feature/pay")}
    assert len({one.delivery_id for one in found}) == len(found) == 4
    assert found[-1].sha == pull.head_sha
    assert found[0].actor == "ada"


def test_news_of_a_push(host, shop):
    sha = shop.push("work", {"n": "1"})
    shop.delete_branch("work")
    found = [(one.kind, one.repository_id, one.branch, one.sha) for one in news(host)]
    assert found == [(NewsKind.PUSH, str(shop.id), "work", sha), (NewsKind.PUSH, str(shop.id), "work", "")]


def test_webhook_with_a_wrong_secret_is_refused(host, shop, pull):
    for secret in ("another", "", host.webhook_secret + " "):
        with pytest.raises(WebhookRefusedError):
            read_webhook(host, as_webhook(host.outbox.waiting[0]), secret)


def test_webhook_without_a_signature_is_refused(host, pull):
    with pytest.raises(WebhookRefusedError):
        read_webhook(
            host, Webhook({"x-github-event": "push", "x-gitlab-event": "Push Hook"}, b"{}"), host.webhook_secret
        )


def test_signed_nonsense_is_refused_as_nonsense(host):
    body = b"no JSON"
    headers = host.headers("ping", body) if host.provider == "github" else host.headers("Push Hook")
    with pytest.raises(InvalidError):
        read_webhook(host, Webhook({k.lower(): v for k, v in headers.items()}, body), host.webhook_secret)
