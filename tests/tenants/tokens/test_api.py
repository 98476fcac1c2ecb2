"""Tokens and service accounts over REST: who sees and does what to whose token, and that nobody makes more than they are."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import CustomRole, Effect, Grant, GrantScope, Role, TargetKind, TokenKind, User
from tenants.permissions import ROLE_PERMISSIONS
from tenants.scoping import org_scope
from tenants.service_accounts import create_service_account
from tenants.token_services import issue_token
from tests.cast import Cast, make_member
from tests.factories import make_agent
from tests.waiting import eventually

Answer = Any


def path(cast: Cast, rest: str = "tokens/") -> str:
    return f"/api/v1/organizations/{cast.org.slug}/{rest}"


def bearer(text: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {text}"})


def post(client: Client, where: str, **body: Any) -> Answer:
    return client.post(where, body, content_type="application/json")


def patch(client: Client, where: str, **body: Any) -> Answer:
    return client.patch(where, body, content_type="application/json")


def error_of(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["errors"][0]
    return found


def token_of(cast: Cast, user: User | None = None, **fields: Any) -> Client:
    """A client with a token of this person (the owner), cut down."""
    issued = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="cut", user=user or cast.owner, **fields)
    return bearer(issued.text)


def with_role(cast: Cast, *permissions: str) -> User:
    """A member who holds just these rights over the organization."""
    user = make_member(cast.org, f"custom-{len(permissions)}-{cast.org.slug}@acme.example")
    with org_scope(cast.org_id):
        role = CustomRole.objects.create_in(
            cast.org_id, name="just", of_organization=True, permissions=list(permissions)
        )
        Grant.objects.create_in(cast.org_id, user=user, custom_role=role, scope=GrantScope.ORGANIZATION)
    return user


def names(answer: Answer) -> list[str]:
    return sorted(token["name"] for token in answer.json()["results"])


@pytest.fixture
def tokens(cast: Cast) -> dict[str, str]:
    """A token of each kind and of each of two people: name to id."""
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="robot")
    made = {
        "owner's": issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="owner's", user=cast.owner),
        "viewer's": issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="viewer's", user=cast.viewer),
        "robot's": issue_token(org_id=cast.org_id, kind=TokenKind.SERVICE, name="robot's", service_account=account),
        "edge": issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name="edge"),
        "idp": issue_token(org_id=cast.org_id, kind=TokenKind.SCIM, name="idp"),
    }
    return {name: str(issued.token.id) for name, issued in made.items()}


RIGHTS = {
    "own_token:write": [],
    "user_token:write": ["owner's", "viewer's"],
    "service_account:write": ["robot's"],
    "agent_token:write": ["edge"],
    "sso:write": ["idp"],
}


@pytest.mark.parametrize("right", RIGHTS)
def test_each_right_shows_its_kind_of_token(right: str, cast: Cast, tokens: dict[str, str]) -> None:
    client = cast.api(with_role(cast, right))

    seen = set(names(client.get(path(cast)))) & set(tokens)
    found = {
        name for name, token_id in tokens.items() if client.get(path(cast, f"tokens/{token_id}/")).status_code == 200
    }

    assert seen == found == set(RIGHTS[right])


@pytest.mark.parametrize("right", RIGHTS)
def test_each_right_revokes_its_kind_of_token_only(right: str, cast: Cast, tokens: dict[str, str]) -> None:
    client = cast.api(with_role(cast, right))

    gone = [
        name for name, token_id in tokens.items() if client.delete(path(cast, f"tokens/{token_id}/")).status_code == 204
    ]

    assert sorted(gone) == sorted(RIGHTS[right])


def test_everybody_sees_and_makes_tokens_of_their_own(cast: Cast, tokens: dict[str, str]) -> None:
    viewer = cast.api(cast.viewer)

    assert names(viewer.get(path(cast))) == ["test", "viewer's"]
    made = post(viewer, path(cast), name="laptop")
    assert (made.status_code, made.json()["user"]) == (201, cast.viewer.email)
    assert made["Cache-Control"] == "no-store"
    for kind in ("agent", "scim"):
        assert post(viewer, path(cast), name="x", kind=kind).status_code == 403


def test_token_of_somebody_else_is_revoked_and_never_changed(cast: Cast, tokens: dict[str, str]) -> None:
    where = path(cast, "tokens/" + tokens["viewer's"] + "/")

    assert patch(cast.api(), where, name="mine").status_code == 403
    assert post(cast.api(), f"{where}rotate/").status_code == 403
    assert cast.api().delete(where).status_code == 204


def test_list_is_filtered_by_kind_and_holder(cast: Cast, tokens: dict[str, str]) -> None:
    client = cast.api()

    assert names(client.get(path(cast), {"kind": "service"})) == ["robot's"]
    assert names(client.get(path(cast), {"holder": "robot"})) == ["robot's"]
    assert names(client.get(path(cast), {"holder": cast.viewer.email.upper()})) == ["viewer's"]
    refused = client.get(path(cast), {"kind": "magic"})
    assert (refused.status_code, error_of(refused)["attr"]) == (400, "kind")


def test_scopes_are_a_subset_of_what_the_holder_has(cast: Cast) -> None:
    refused = post(cast.api(cast.viewer), path(cast), name="ci", scopes=["run:read", "run:launch"])
    made = post(cast.api(cast.viewer), path(cast), name="ci", scopes=["run:read"])

    assert (refused.status_code, error_of(refused)["attr"]) == (400, "scopes")
    assert "You hold no run:launch" in error_of(refused)["detail"]
    assert (made.status_code, made.json()["scopes"]) == (201, ["run:read"])


def test_scoped_token_does_what_its_scopes_say(cast: Cast) -> None:
    text = post(cast.api(), path(cast), name="ci", scopes=["deployment:read"]).json()["token"]
    client = bearer(text)

    assert client.get(path(cast, "")).status_code == 200
    assert client.get(path(cast, "deployments/prod/")).status_code == 200
    assert client.get(path(cast, "deployments/prod/runs/")).status_code == 403
    assert post(client, path(cast), name="more").status_code == 403


SOON = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("limits", "asked", "status"),
    [
        ({"scopes": ["own_token:write", "run:read"]}, {}, 403),
        ({"scopes": ["own_token:write", "run:read"]}, {"scopes": ["run:launch"]}, 403),
        ({"scopes": ["own_token:write", "run:read"]}, {"scopes": ["run:read"]}, 201),
        ({"expires_at": SOON}, {}, 403),
        ({"expires_at": SOON}, {"expires_at": 2 * SOON}, 403),
        ({"expires_at": SOON}, {"expires_at": SOON / 2}, 201),
        ({"allowed_networks": ["127.0.0.0/8"]}, {}, 403),
        ({"allowed_networks": ["127.0.0.0/8"]}, {"allowed_networks": ["0.0.0.0/0"]}, 403),
        ({"allowed_networks": ["127.0.0.0/8"]}, {"allowed_networks": ["127.0.0.1"]}, 201),
    ],
)
def test_token_makes_no_token_that_is_more_than_itself(
    limits: dict[str, Any], asked: dict[str, Any], status: int, cast: Cast
) -> None:
    def dated(given: dict[str, Any]) -> dict[str, Any]:
        return {n: timezone.now() + v if isinstance(v, datetime.timedelta) else v for n, v in given.items()}

    answer = post(token_of(cast, **dated(limits)), path(cast), name="child", **dated(asked))

    assert answer.status_code == status


def test_token_cannot_widen_itself(cast: Cast) -> None:
    issued = issue_token(
        org_id=cast.org_id,
        kind=TokenKind.USER,
        name="cut",
        user=cast.owner,
        scopes=["own_token:write"],
        expires_at=timezone.now() + SOON,
    )
    where = path(cast, f"tokens/{issued.token.id}/")

    assert patch(bearer(issued.text), where, scopes=None).status_code == 403
    assert patch(bearer(issued.text), where, expires_at=None).status_code == 403
    assert post(bearer(issued.text), f"{where}rotate/", expires_at=str(timezone.now() + 2 * SOON)).status_code == 403
    assert patch(bearer(issued.text), where, name="renamed").status_code == 200


def test_service_token_cannot_do_more_than_its_maker(cast: Cast) -> None:
    """Or whoever may make service tokens would be whatever any service account is."""
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="boss")
    with org_scope(cast.org_id):
        Grant.objects.create_in(
            cast.org_id, service_account=account, role=Role.ORGANIZATION_ADMIN, scope=GrantScope.ORGANIZATION
        )
    where = path(cast, f"service-accounts/{account.id}/tokens/")
    clerk = cast.api(with_role(cast, "service_account:write", "run:read"))

    refused = post(clerk, where, name="ci")
    cut = post(clerk, where, name="ci", scopes=["run:read"])

    assert (refused.status_code, cut.status_code) == (403, 201)
    assert "where you do not" in error_of(refused)["detail"]
    assert post(cast.api(), where, name="ci").status_code == 201


def test_service_token_shows_its_maker_nothing_that_is_hidden_from_them(cast: Cast) -> None:
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name="robot")
    clerk = with_role(cast, "service_account:write", *ROLE_PERMISSIONS[Role.VIEWER])
    with org_scope(cast.org_id):
        Grant.objects.create_in(cast.org_id, service_account=account, role=Role.VIEWER, scope=GrantScope.ORGANIZATION)
    where, api = path(cast, f"service-accounts/{account.id}/tokens/"), cast.api(clerk)
    assert post(api, where, name="ci").status_code == 201

    denial = {"effect": Effect.DENY, "scope": GrantScope.DEPLOYMENT, "deployment_id": cast.deployment.id}
    with org_scope(cast.org_id):
        Grant.objects.create_in(cast.org_id, user=clerk, **denial, target=TargetKind.LOCATION, target_value="payroll")

    refused = post(api, where, name="ci")
    assert refused.status_code == 403
    assert "payroll" not in error_of(refused)["detail"]
    assert post(api, where, name="ci", scopes=["member:read"]).status_code == 201


def test_service_account_works_from_its_making_to_its_end(cast: Cast) -> None:
    """As CI does: an account, a role in one deployment, a token that reads and launches nothing else."""
    owner = cast.api()
    account = post(owner, path(cast, "service-accounts/"), name="ci", description="GitHub").json()
    where = path(cast, f"service-accounts/{account['id']}/")
    empty = bearer(post(owner, f"{where}tokens/", name="early").json()["token"])
    assert empty.get(path(cast, "deployments/prod/")).status_code == 404

    with org_scope(cast.org_id):
        Grant.objects.create_in(
            cast.org_id,
            service_account_id=account["id"],
            role=Role.VIEWER,
            scope=GrantScope.DEPLOYMENT,
            deployment_id=cast.deployment.id,
        )
    refused = post(owner, f"{where}tokens/", name="ci", scopes=["run:launch"])
    ci = bearer(post(owner, f"{where}tokens/", name="ci", scopes=["deployment:read", "run:read"]).json()["token"])

    assert "The service account ci holds no run:launch" in error_of(refused)["detail"]
    assert ci.get(path(cast, "deployments/prod/runs/")).status_code == 200
    assert ci.get(path(cast, "deployments/prod/assets/")).status_code == 403
    assert names(owner.get(f"{where}tokens/")) == ["ci", "early"]
    assert patch(owner, where, is_active=False).json()["is_active"] is False
    eventually(lambda: ci.get(path(cast, "")).status_code, lambda status: status == 401)
    assert owner.delete(where).status_code == 204
    assert owner.get(where).status_code == 404


def test_agent_token_names_what_it_reaches(cast: Cast) -> None:
    reach = {"deployments": ["prod"], "queues": ["gpu"], "bootstrap_only": True}
    made = post(cast.api(), path(cast), name="edge", kind="agent", reach=reach)
    where = path(cast, f"tokens/{made.json()['id']}/")

    assert made.json()["reach"] == reach
    changed = patch(cast.api(), where, reach={"code_locations": ["etl"], "all_branches": True}).json()["reach"]
    assert changed == {"code_locations": ["etl"], "all_branches": True}
    assert patch(cast.api(), where, reach=None).json()["reach"] is None
    refused = patch(cast.api(), where, reach={"deployments": ["nowhere"]})
    assert (refused.status_code, error_of(refused)["attr"]) == (400, "reach")


def test_reach_names_no_deployment_of_another_organization(cast: Cast, outsider: Cast) -> None:
    refused = post(
        cast.api(), path(cast), name="edge", kind="agent", reach={"deployments": [str(outsider.deployment.id)]}
    )

    assert (refused.status_code, error_of(refused)["attr"]) == (400, "reach")


def test_rotation_over_rest_shows_the_new_text_once(cast: Cast) -> None:
    made = post(cast.api(), path(cast), name="ci").json()
    where = path(cast, f"tokens/{made['id']}/")

    rotated = post(cast.api(), f"{where}rotate/")

    assert (rotated.status_code, rotated.json()["replaces"]) == (201, made["id"])
    assert all(bearer(t).get(path(cast, "")).status_code == 200 for t in (made["token"], rotated.json()["token"]))
    assert post(cast.api(), f"{where}rotate/").status_code == 409
    assert "token" not in cast.api().get(path(cast, f"tokens/{rotated.json()['id']}/")).json()


def test_token_of_other_networks_is_refused_over_rest(cast: Cast) -> None:
    made = post(cast.api(), path(cast), name="ci", allowed_networks=["203.0.113.0/24"]).json()

    assert bearer(made["token"]).get(path(cast, "")).status_code == 401


def test_agent_is_blocked_and_let_in(cast: Cast) -> None:
    where = path(cast, f"agents/{make_agent(cast).id}/block/")

    assert post(cast.api(cast.editor), where).status_code == 403
    assert post(cast.api(), where, reason="stolen laptop").status_code == 204
    assert post(cast.api(), where).status_code == 409
    assert cast.api().delete(where).status_code == 204
    assert cast.api().delete(where).status_code == 409
