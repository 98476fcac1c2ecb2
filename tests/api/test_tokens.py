"""Tokens over REST: shown once, listed without their secret, dead when revoked."""

from tenants.token_verification import CACHE_SECONDS
from tests.callers import bearer, new_tenant
from tests.waiting import eventually


def test_issue_token_shows_text_once():
    alice = new_tenant()

    issued = alice.api.post(f"{alice.path}tokens/", {"name": "ci"})
    listed = alice.api.get(f"{alice.path}tokens/").json()["results"]

    assert issued.status_code == 201
    assert issued.json()["token"].startswith("dgb_user_")
    assert [t["name"] for t in listed] == ["ci", "cli", "agent"]
    assert all("token" not in t and "secret_sha256" not in t for t in listed)


def test_revoked_token_is_dead_within_five_seconds():
    alice = new_tenant()
    issued = alice.api.post(f"{alice.path}tokens/", {"name": "ci"}).json()
    leaked = bearer(issued["token"])

    before = leaked.get(alice.path)
    revoked = alice.api.delete(f"{alice.path}tokens/{issued['id']}/")
    after = eventually(lambda: leaked.get(alice.path), lambda answer: answer.status_code != 200)

    assert (before.status_code, revoked.status_code, after.status_code) == (200, 204, 401)
    assert CACHE_SECONDS < 5
    assert after["WWW-Authenticate"] == "Bearer"


def test_agent_token_belongs_to_nobody():
    alice = new_tenant()

    issued = alice.api.post(f"{alice.path}tokens/", {"name": "edge", "kind": "agent"}).json()

    assert issued["token"].startswith("dgb_agent_")
    assert issued["user"] is None
