"""Tokens at their services: what they are cut down to, how long and from where they live, rotation, revocation, and their audit rows."""

import contextlib
import datetime
import threading
from typing import Any

import pytest
from django.utils import timezone

from tenants import token_changes, token_verification
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import ApiToken, TokenKind
from tenants.permissions import Permission
from tenants.reach import Reach
from tenants.scoping import org_scope
from tenants.service_accounts import Changes, create_service_account, delete_service_account, update_service_account
from tenants.token_services import IssuedToken, issue_token, revoke_token, rotate_token, update_token
from tenants.token_verification import verify_token
from tenants.tokens import token_text
from tests.cast import Cast
from tests.threads import with_connections_returned
from tests.waiting import eventually

HOME = "127.0.0.1"


def make(cast: Cast, kind: TokenKind = TokenKind.USER, **fields: Any) -> IssuedToken:
    if kind == TokenKind.USER:
        fields.setdefault("user", cast.owner)
    return issue_token(org_id=cast.org_id, kind=kind, name="ci", actor=cast.actor, **fields)


def stored(cast: Cast, issued: IssuedToken) -> ApiToken:
    with org_scope(cast.org_id):
        return ApiToken.objects.for_org(cast.org_id).get(id=issued.token.id)


def audited(cast: Cast) -> list[tuple[str, str]]:
    """The newest rows of the audit log that are about tokens and service accounts: action and who."""
    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(target_kind__in=["api_token", "service_account"])
        return list(rows.filter(actor_label=cast.owner.email).order_by("id").values_list("action", "actor_label"))


def revoke(cast: Cast, issued: IssuedToken) -> None:
    revoke_token(org_id=cast.org_id, token_id=issued.token.id, actor=cast.actor)


def rotate(cast: Cast, issued: IssuedToken, **fields: Any) -> IssuedToken:
    return rotate_token(org_id=cast.org_id, token_id=issued.token.id, actor=cast.actor, **fields)


def test_scopes_cut_down_what_a_token_carries(cast: Cast) -> None:
    claims = verify_token(make(cast, scopes=["run:launch"]).text, address=HOME)

    assert claims is not None
    assert claims.limit == {Permission.RUN_LAUNCH, Permission.ORGANIZATION_READ}


@pytest.mark.parametrize(
    ("kind", "scopes", "words"),
    [
        (TokenKind.USER, ["run:fly"], "'run:fly' is no scope"),
        (TokenKind.USER, ["agent:work"], "'agent:work' is no scope"),
        (TokenKind.USER, [], "without any scope"),
        (TokenKind.AGENT, ["run:launch"], "has no scopes"),
        (TokenKind.SCIM, ["run:launch"], "has no scopes"),
    ],
)
def test_scope_that_makes_no_sense_is_refused(cast: Cast, kind: TokenKind, scopes: list[str], words: str) -> None:
    with pytest.raises(InvalidError, match=words) as refused:
        make(cast, kind, scopes=scopes)

    assert refused.value.attr == "scopes"


def test_reach_is_for_agent_tokens(cast: Cast) -> None:
    with pytest.raises(InvalidError, match="Only an agent token has a reach"):
        make(cast, reach=Reach(all_branches=True))


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb"])
def test_name_that_makes_no_sense_is_refused(cast: Cast, name: str) -> None:
    with pytest.raises(InvalidError, match="The name of a token"):
        issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name=name)


@pytest.mark.parametrize(
    ("networks", "address", "admitted"),
    [
        ([], "198.51.100.7", True),
        ([], "", True),
        (["198.51.100.0/24"], "198.51.100.7", True),
        (["198.51.100.0/24", "2001:db8::/32"], "2001:db8::7", True),
        (["198.51.100.0/24"], "::ffff:198.51.100.7", True),
        (["198.51.100.0/24"], "203.0.113.7", False),
        (["198.51.100.0/24"], "", False),
    ],
)
def test_token_is_good_from_its_networks_only(cast: Cast, networks: list[str], address: str, admitted: bool) -> None:
    text = make(cast, allowed_networks=networks).text

    # Twice: looked up, and from the cache.
    assert [verify_token(text, address=address) is not None for _ in range(2)] == [admitted, admitted]


def test_network_that_is_none_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidError, match="no network"):
        make(cast, allowed_networks=["somewhere"])


def test_last_use_is_noted_with_its_address(cast: Cast) -> None:
    issued = make(cast)

    verify_token(issued.text, address="198.51.100.7")

    row = stored(cast, issued)
    assert row.last_used_from == "198.51.100.7"
    assert row.last_used_at is not None


def test_expired_token_is_dead_although_it_is_remembered(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    # Until it is remembered: a slow machine may need longer to make a token than that lives.
    for seconds in (0.5, 5, 50):
        issued = make(cast, expires_at=timezone.now() + datetime.timedelta(seconds=seconds))
        if verify_token(issued.text, address=HOME) is not None:
            break
    monkeypatch.setattr(token_verification, "CACHE_SECONDS", 3600.0)

    eventually(lambda: verify_token(issued.text, address=HOME), lambda claims: claims is None)
    assert issued.token.id in token_verification._cache


def test_secret_of_one_token_does_not_open_another_that_is_remembered(cast: Cast) -> None:
    known, other = make(cast), make(cast)
    assert verify_token(known.text, address=HOME) is not None
    kind, _id, secret = other.text.split("_")[1:4]
    forged = token_text(kind=kind, token_id=known.token.id, secret=secret)

    assert verify_token(forged, address=HOME) is None


def test_rotation_makes_a_second_live_token_with_the_same_limits(cast: Cast) -> None:
    expires_at = timezone.now() + datetime.timedelta(days=30)
    old = make(cast, scopes=["run:read"], allowed_networks=["127.0.0.0/8"], expires_at=expires_at)

    new = rotate(cast, old)

    row = stored(cast, new)
    assert (row.replaces_id, row.scopes, row.allowed_networks) == (old.token.id, ["run:read"], ["127.0.0.0/8"])
    assert row.expires_at is not None
    assert abs((row.expires_at - expires_at).total_seconds()) < 60
    assert all(verify_token(issued.text, address=HOME) for issued in (old, new))


def test_at_most_two_of_a_line_live(cast: Cast) -> None:
    first = make(cast)
    second = rotate(cast, first)

    for token in (first, second):
        with pytest.raises(ConflictError, match="Two tokens of ci live already"):
            rotate(cast, token)
    revoke(cast, first)
    third = rotate(cast, second)
    with pytest.raises(ConflictError):
        rotate(cast, third)


def test_two_rotations_at_once_make_one_token(cast: Cast) -> None:
    old, made = make(cast), []

    def rotate_once() -> None:
        with contextlib.suppress(ConflictError):
            made.append(rotate(cast, old))

    threads = [threading.Thread(target=with_connections_returned, args=(rotate_once,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1


def test_old_token_can_be_given_an_end_when_it_is_rotated(cast: Cast) -> None:
    old = make(cast)
    end = timezone.now() + datetime.timedelta(hours=1)

    rotate(cast, old, old_expires_at=end)

    assert stored(cast, old).expires_at == end


def test_what_is_dead_is_neither_changed_nor_rotated_nor_revoked_again(cast: Cast) -> None:
    past = timezone.now() - datetime.timedelta(seconds=1)
    expired, revoked = make(cast, expires_at=past), make(cast)
    revoke(cast, revoked)

    with pytest.raises(ConflictError, match="has expired"):
        rotate(cast, expired)
    with pytest.raises(ConflictError, match="has expired"):
        update_token(org_id=cast.org_id, token_id=expired.token.id, actor=cast.actor, changes={"expires_at": None})
    for act in (revoke, rotate):
        with pytest.raises(NotFoundError):
            act(cast, revoked)


def test_token_of_another_organization_is_not_found(cast: Cast, outsider: Cast) -> None:
    with pytest.raises(NotFoundError):
        revoke(outsider, make(cast))


def test_disabled_service_account_is_refused_with_all_its_tokens(cast: Cast) -> None:
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="ci")
    issued = make(cast, TokenKind.SERVICE, service_account=account)
    assert verify_token(issued.text, address=HOME) is not None

    def switch(active: bool) -> None:
        update_service_account(
            org_id=cast.org_id, actor=cast.actor, account_id=account.id, changes=Changes(is_active=active)
        )

    switch(False)
    eventually(lambda: verify_token(issued.text, address=HOME), lambda claims: claims is None)
    switch(True)
    assert verify_token(issued.text, address=HOME) is not None
    delete_service_account(org_id=cast.org_id, actor=cast.actor, account_id=account.id)
    eventually(lambda: verify_token(issued.text, address=HOME), lambda claims: claims is None)


def test_name_of_a_service_account_is_taken_once(cast: Cast) -> None:
    create_service_account(org_id=cast.org_id, actor=cast.actor, name="ci")

    with pytest.raises(ConflictError, match="already a service account called CI"):
        create_service_account(org_id=cast.org_id, actor=cast.actor, name="CI")


def test_every_change_is_in_the_audit_log_without_the_secret(cast: Cast) -> None:
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="ci")
    issued = make(cast, TokenKind.SERVICE, service_account=account)
    update_token(org_id=cast.org_id, token_id=issued.token.id, actor=cast.actor, changes={"name": "renamed"})
    second = rotate(cast, issued)
    revoke(cast, issued)
    update_service_account(org_id=cast.org_id, actor=cast.actor, account_id=account.id, changes=Changes(name="cd"))
    delete_service_account(org_id=cast.org_id, actor=cast.actor, account_id=account.id)

    assert [action for action, _who in audited(cast)] == [
        "service_account.create",
        "token.create",
        "token.update",
        "token.rotate",
        "token.revoke",
        "service_account.update",
        "service_account.delete",
    ]
    with org_scope(cast.org_id):
        kept = str(list(AuditEvent.objects.for_org(cast.org_id).values()))
    assert not any(text in kept or text.split("_")[3] in kept for text in (issued.text, second.text))


def test_listeners_hear_of_a_revocation(cast: Cast) -> None:
    heard: list[Any] = []
    token_changes.register_listener("test", heard.append)
    try:
        revoke(cast, make(cast))
    finally:
        del token_changes._listeners["test"]

    assert heard == [cast.org_id]
