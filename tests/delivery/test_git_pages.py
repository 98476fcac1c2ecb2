"""The settings pages of Git hosts."""

import re

import pytest

from tests.cast import make_member
from tests.delivery.connected import connect
from tests.delivery.hosts.fake_github import APP_ID, INSTALLATION_ID, app_pem


@pytest.fixture
def browser(cast):
    return cast.signed_in()


def text(answer):
    return answer.content.decode()


def test_github_from_nothing_to_a_repository_that_deploys(cast, github, browser):
    shop = github.add_repository("acme/shop")
    root = f"/{cast.org.slug}/settings"
    assert "No Git host is connected yet" in text(browser.get(f"{root}/git"))
    once = browser.post(f"{root}/git/new", {"provider": "github", "name": "Our GitHub", "api_url": github.address})
    assert once["Cache-Control"] == "no-store"
    github.webhook_secret = re.search(r'data-copy="([^"]{20,})"', text(once)).group(1)
    page = re.search(rf'href="({root}/git/[0-9a-f-]+)"', text(once)).group(1)

    guide = text(browser.get(f"{page}?account=acme"))
    assert "Still needed: the app id, the installation id, the private key" in guide
    assert f"{github.address}/organizations/acme/settings/apps/new?name=Daggerboard" in guide
    assert "pull_requests=write" in guide
    assert github.webhook_secret not in guide
    assert "organizations/evil" not in text(browser.get(f"{page}?account=evil/../x"))

    values = {"app_id": APP_ID, "installation_id": INSTALLATION_ID, "credential": app_pem(), "webhook_secret": ""}
    browser.post(page, {"name": "Our GitHub", "api_url": github.api_url, **values})
    assert "installed for acme" in text(browser.post(f"{page}/test", follow=True))
    listed = text(browser.post(f"{page}/sync", follow=True))
    assert "1 repositories: 1 new" in listed
    assert "acme/shop" in listed
    assert "PRIVATE KEY-----\n" not in listed

    repository = re.search(rf'href="({root}/repositories/[0-9a-f-]+)"', listed).group(1)
    wanted = {"base": "prod", "mode": "label", "label": "try", "exclude_labels": "wip, no", "comment_mode": "always"}
    saved = text(browser.post(repository, {**wanted, "sleep_after_seconds": "600"}, follow=True))
    assert "acme/shop is saved" in saved
    assert 'value="wip, no"' in saved
    assert "asked for all open pull requests" in text(browser.post(f"{repository}/reconcile", follow=True))
    assert "with label" in text(browser.get(page))
    assert shop.id


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(cast, gitlab, browser):
    connected = connect(cast, gitlab)
    page = f"/{cast.org.slug}/settings/git/{connected.connection.id}"
    answer = browser.post(page, {"name": "Mine", "api_url": "nonsense", "credential": "glpat-new-canary"})
    assert answer.status_code == 400
    assert "must look like https://" in text(answer)
    assert 'value="nonsense"' in text(answer)
    assert "glpat-new-canary" not in text(answer)
    gitlab.uninstall()
    assert "Token was revoked" in text(browser.post(f"{page}/test", follow=True)) or "invalid_token" in text(
        browser.get(page)
    )


def test_repository_without_a_base_is_refused_in_words(cast, github, browser):
    shop = github.add_repository("acme/shop")
    connected = connect(cast, github)
    page = f"/{cast.org.slug}/settings/repositories/{connected.repository(shop.id).id}"
    answer = browser.post(page, {"mode": "automatic", "comment_mode": "off", "label": "kept"})
    assert answer.status_code == 400
    assert "Choose the full deployment" in text(answer)
    assert 'value="kept"' in text(answer)


def test_member_reads_and_changes_nothing(cast, github):
    shop = github.add_repository("acme/shop")
    connected = connect(cast, github)
    guest = cast.signed_in(make_member(cast.org, f"guest@{cast.org.slug}.example.com"))
    root = f"/{cast.org.slug}/settings"
    page = f"{root}/git/{connected.connection.id}"
    assert "acme/shop" in text(guest.get(page))
    assert "Save" not in text(guest.get(page))
    assert guest.get(f"{root}/git/new").status_code == 403
    for path in (page, f"{page}/test", f"{page}/delete", f"{root}/repositories/{connected.repository(shop.id).id}"):
        assert guest.post(path).status_code == 403


def test_webhooks_are_listed_with_their_outcome(cast, github, browser):
    shop = github.add_repository("acme/shop")
    connected = connect(cast, github)
    github.ping()
    shop.push("work", {"n": "1"})
    page = text(browser.get(f"/{cast.org.slug}/settings/git/{connected.connection.id}"))
    assert "Nothing to do" in page
    assert "Waiting" in page


def test_deleted_connection_is_gone(cast, github, browser):
    connected = connect(cast, github)
    page = f"/{cast.org.slug}/settings/git/{connected.connection.id}"
    assert "is deleted" in text(browser.post(f"{page}/delete", follow=True))
    assert browser.get(page).status_code == 404
