"""The pages of tokens and service accounts, without a browser; test_browser.py has the rest."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from tenants.models import ApiToken, ServiceAccount, TokenKind
from tenants.scoping import org_scope
from tenants.service_accounts import create_service_account
from tenants.token_services import issue_token
from tenants.token_verification import verify_token
from tests.cast import Cast
from tests.waiting import eventually

HOSTILE = '<script>alert("x")</script>'


def path(cast: Cast, rest: str = "tokens") -> str:
    return f"/{cast.org.slug}/settings/{rest}"


def text_in(answer: Any) -> str:
    """The token that a page shows."""
    found = re.search(r"dgb_[a-z]+_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}", answer.content.decode())
    assert found is not None
    return found[0]


def shown(client: Client, where: str) -> str:
    answer = client.get(where)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def stored(cast: Cast, name: str) -> ApiToken:
    with org_scope(cast.org_id):
        return ApiToken.objects.for_org(cast.org_id).select_related("service_account").get(name=name, revoked_at=None)


def test_token_is_made_shown_once_and_used(cast: Cast) -> None:
    owner = cast.signed_in()

    answer = owner.post(path(cast, "tokens/new"), {"kind": "user", "name": "laptop", "life": "30"})
    text = text_in(answer)

    assert answer["Cache-Control"] == "no-store"
    assert verify_token(text, address="127.0.0.1") is not None
    assert "laptop" in shown(owner, path(cast))
    assert text not in shown(owner, path(cast)) + shown(owner, path(cast, f"tokens/{stored(cast, 'laptop').id}"))


def test_agent_token_is_made_with_the_reach_of_its_form(cast: Cast) -> None:
    form = {"kind": "agent", "name": "edge", "life": "", "queues": "gpu, cpu", "deployment": str(cast.deployment.id)}

    cast.signed_in().post(path(cast, "tokens/new"), {**form, "bootstrap_only": "1"})

    assert stored(cast, "edge").reach == {
        "deployments": [str(cast.deployment.id)],
        "queues": ["cpu", "gpu"],
        "bootstrap_only": True,
    }
    page = shown(cast.signed_in(), path(cast, "agent-tokens"))
    assert all(words in page for words in ("edge", "queue gpu", "registers only"))


def test_form_comes_back_with_what_was_filled_in_and_what_is_wrong(cast: Cast) -> None:
    form = {"kind": "user", "name": HOSTILE, "life": "90", "networks": "somewhere", "limited": "1", "scope": "run:read"}

    answer = cast.signed_in().post(path(cast, "tokens/new"), form)

    page = answer.content.decode()
    assert answer.status_code == 400
    assert "is no network" in page
    assert (html.escape(HOSTILE) in page, HOSTILE in page) == (True, False)
    assert re.search(r'value="run:read" checked', page)


def test_change_of_a_token_keeps_what_is_not_changed(cast: Cast) -> None:
    owner = cast.signed_in()
    owner.post(path(cast, "tokens/new"), {"kind": "user", "name": "laptop", "life": "30"})
    before = stored(cast, "laptop")

    form = {"name": "desktop", "life": "keep", "networks": "127.0.0.0/8"}
    answer = owner.post(path(cast, f"tokens/{before.id}"), form)

    after = stored(cast, "desktop")
    assert (answer.status_code, after.id, after.expires_at) == (302, before.id, before.expires_at)
    assert after.allowed_networks == ["127.0.0.0/8"]


def test_rotated_token_says_which_to_revoke(cast: Cast) -> None:
    owner = cast.signed_in()
    old = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="ci", user=cast.owner)
    where = path(cast, f"tokens/{old.token.id}")

    new = text_in(owner.post(f"{where}/rotate"))

    assert "It is being replaced by" in shown(owner, where)
    assert owner.post(f"{where}/rotate", follow=True).content.decode().count("Two tokens of ci live already") == 1
    owner.post(f"{where}/revoke")
    eventually(lambda: verify_token(old.text, address="127.0.0.1"), lambda claims: claims is None)
    assert verify_token(new, address="127.0.0.1") is not None


def test_everybodys_tokens_are_listed_and_revoked_by_those_who_may(cast: Cast) -> None:
    theirs = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="theirs", user=cast.viewer)
    page = shown(cast.signed_in(), path(cast, f"all-tokens?q={cast.viewer.email}"))
    one = shown(cast.signed_in(), path(cast, f"tokens/{theirs.token.id}"))

    assert ("theirs" in page, "Change it" in one, "Revoke theirs" in one) == (True, False, True)
    assert cast.signed_in(cast.viewer).get(path(cast, "all-tokens")).status_code == 403
    assert cast.signed_in(cast.editor).get(path(cast, f"tokens/{theirs.token.id}")).status_code == 404
    assert cast.signed_in(cast.editor).post(path(cast, f"tokens/{theirs.token.id}/revoke")).status_code == 404
    assert cast.signed_in().post(path(cast, f"tokens/{theirs.token.id}/revoke")).status_code == 302


@pytest.mark.parametrize("page", ["agent-tokens", "service-accounts"])
def test_pages_of_others_rights_are_closed(page: str, cast: Cast) -> None:
    assert cast.signed_in(cast.editor).get(path(cast, page)).status_code == 403


def test_service_account_is_made_given_a_role_and_a_token(cast: Cast) -> None:
    owner = cast.signed_in()
    owner.post(path(cast, "service-accounts"), {"name": "ci", "description": HOSTILE})
    with org_scope(cast.org_id):
        account = ServiceAccount.objects.for_org(cast.org_id).get(name="ci")
    where = path(cast, f"service-accounts/{account.id}")
    assert "It holds nothing yet" in shown(owner, where)
    give = {"role": "viewer", "place": f"deployment:{cast.deployment.id}", "target": "everything", "hours": "0"}
    owner.post(f"{where}/give", give)

    text = text_in(owner.post(f"{where}/tokens", {"name": "github", "life": "365"}))

    assert "Viewer in prod" in shown(owner, where)
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert client.get(cast.api_path()).status_code == 200
    owner.post(where, {"is_active": "0"})
    eventually(lambda: client.get(cast.api_path()).status_code, lambda status: status == 401)
    assert "all its tokens are refused" in shown(owner, where)
    owner.post(f"{where}/delete")
    assert owner.get(where).status_code == 404


def test_agents_page_revokes_agent_tokens_only(cast: Cast) -> None:
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="ci")
    service = issue_token(org_id=cast.org_id, kind=TokenKind.SERVICE, name="ci", service_account=account)
    where = f"/{cast.org.slug}/prod/agents/tokens"

    assert cast.signed_in().post(f"{where}/{service.token.id}/revoke").status_code == 404
    assert cast.signed_in().post(f"{where}/{cast.agent_token.token.id}/revoke").status_code == 302
