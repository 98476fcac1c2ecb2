"""No endpoint crosses organizations (promise S1), and every kind of token opens its own endpoints only (S5): every route and method
of the URLconf, as anonymous, as an outsider, with guessed ids, and with each kind of token that does not belong there.
"""

import re

import pytest

from tenants.models import TokenKind
from tenants.token_services import issue_token, revoke_token
from tests.callers import anonymous, bearer, signed_in
from tests.isolation.routes import KIND_OF, Kind, Route, name_of, of_kind, routes
from tests.isolation.world import World, WornWorld, make_world

API = of_kind(Kind.API)
PAGES = of_kind(Kind.PAGE)
AGENT = [route for route, _method in of_kind(Kind.AGENT)]
ORG_ONLY = {"org", "deployment"}
# These answer about a name whether or not anybody has it: deploying and uploading make it, a cost of nothing is nothing.
ANSWERS_FOR_ANY_NAME = {
    ("PUT", "code-locations/<str:location>/"),
    ("PUT", "source-archives/<str:sha256>/"),
    ("GET", "cost/assets/<path:key>/"),
}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def worn() -> WornWorld:
    return WornWorld()


def ask(client, method, world: World, route: Route, **address):
    path = world.address(route, **address)
    if method in {"GET", "HEAD"}:
        return client.generic(method, path, QUERY_STRING="&".join(f"{k}={v}" for k, v in world.query(route).items()))
    return client.generic(method, path, "{}", content_type="application/json")


def names_something(route: Route, method: str) -> bool:
    names = set(re.findall(r":(\w+)>", route.pattern)) - ORG_ONLY
    free = any(method == m and route.pattern.endswith(ending) for m, ending in ANSWERS_FOR_ANY_NAME)
    return bool(names) and not free


def test_every_route_is_placed():
    found = [route.pattern for route in routes()]

    assert sorted(set(found) - set(KIND_OF)) == [], "Place these routes in tests/isolation/routes.py."
    assert sorted(set(KIND_OF) - set(found)) == [], "These routes are gone; take them out."


@pytest.mark.parametrize(("route", "method"), API, ids=name_of)
def test_api_refuses_the_anonymous(world, route, method):
    answer = ask(anonymous(), method, world, route, org=world.alice)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("route", "method"), API, ids=name_of)
def test_api_hides_an_organization_from_outsiders(world, route, method):
    mallory = world.mallory
    other_agent = bearer(mallory.agent_token.text)

    for client in (bearer(mallory.user_token.text), signed_in(mallory.owner), other_agent):
        there = ask(client, method, world, route, org=world.alice)
        nowhere = client.generic(method, world.address(route, org=world.alice).replace(world.alice.org.slug, "nowhere"))
        assert (there.status_code, there.content) == (404, nowhere.content)


@pytest.mark.parametrize(("route", "method"), [(r, m) for r, m in API if names_something(r, m)], ids=name_of)
def test_ids_of_another_organization_are_as_unknown_as_guessed_ones(world, route, method):
    mallory = bearer(world.mallory.user_token.text)

    taken = ask(mallory, method, world, route, org=world.mallory)
    guessed = ask(mallory, method, world, route, org=world.mallory, guessed=True)

    assert (taken.status_code, guessed.status_code) == (404, 404)


@pytest.mark.parametrize(("route", "method"), [(r, m) for r, m in API if names_something(r, m)], ids=name_of)
def test_guessed_ids_are_not_found_by_insiders_either(world, route, method):
    assert (
        ask(bearer(world.alice.user_token.text), method, world, route, org=world.alice, guessed=True).status_code == 404
    )


@pytest.mark.parametrize(("route", "method"), API, ids=name_of)
def test_agent_token_opens_nothing_of_the_api(world, route, method):
    assert ask(bearer(world.alice.agent_token.text), method, world, route, org=world.alice).status_code == 403


@pytest.mark.parametrize(("route", "method"), API, ids=name_of)
def test_run_token_opens_nothing_of_the_api(world, route, method):
    assert ask(bearer(world.run_token), method, world, route, org=world.alice).status_code == 401


@pytest.mark.parametrize(("route", "method"), API, ids=name_of)
def test_owner_is_let_in(world, worn, route, method):
    """The control: the same addresses exist, so it was the caller that was refused above."""

    def is_let_in(own: World) -> None:
        answer = ask(bearer(own.alice.user_token.text), method, own, route, org=own.alice)
        assert answer.status_code in {200, 201, 204, 400, 409, 503}

    if method == "GET":
        is_let_in(world)
    else:
        worn.see(is_let_in)


@pytest.mark.parametrize(("route", "method"), PAGES, ids=name_of)
def test_page_sends_the_anonymous_to_sign_in(world, client, route, method):
    answer = ask(client, method, world, route, org=world.alice)

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in")


@pytest.mark.parametrize(("route", "method"), PAGES, ids=name_of)
def test_page_hides_an_organization_from_outsiders(world, route, method):
    assert ask(signed_in(world.mallory.owner), method, world, route, org=world.alice).status_code == 404


@pytest.mark.parametrize(("route", "method"), [(r, m) for r, m in PAGES if names_something(r, m)], ids=name_of)
def test_page_of_another_organizations_thing_is_not_found(world, route, method):
    assert ask(signed_in(world.mallory.owner), method, world, route, org=world.mallory).status_code == 404


@pytest.mark.parametrize(("route", "method"), PAGES, ids=name_of)
def test_page_takes_no_token(world, route, method):
    answer = ask(bearer(world.alice.user_token.text), method, world, route, org=world.alice)

    assert answer.status_code == 302


@pytest.mark.parametrize(("route", "method"), of_kind(Kind.LIVE), ids=name_of)
def test_stream_of_changes_is_hidden(world, client, route, method):
    assert ask(client, method, world, route, org=world.alice).status_code == 401
    for caller in (
        signed_in(world.mallory.owner),
        bearer(world.mallory.user_token.text),
        bearer(world.alice.agent_token.text),
    ):
        assert ask(caller, method, world, route, org=world.alice).status_code in {403, 404}
    if names_something(route, method):
        assert ask(signed_in(world.mallory.owner), method, world, route, org=world.mallory).status_code == 404


@pytest.mark.parametrize("route", AGENT, ids=name_of)
def test_agent_endpoint_takes_agent_tokens_only(world, route):
    methods = {"agent/v1/definitions/<str:sha256>": "PUT", "agent/v1/sources/<str:sha256>": "GET"}
    method = methods.get(route.pattern, "POST")
    headers = {"HTTP_DAGGERBOARD_PROTOCOL": "1.1"}
    path = world.address(route, org=world.alice)

    def status(token):
        client = bearer(token) if token else anonymous()
        return client.generic(method, path, "{}", content_type="application/json", **headers).status_code

    assert status(None) == 401
    assert status("dgb_agent_nonsense") == 401
    assert status(world.alice.user_token.text) in {401, 403, 404}


@pytest.mark.parametrize("route", [route for route, _method in of_kind(Kind.OWN)], ids=name_of)
def test_own_account_sends_the_anonymous_to_sign_in(client, route):
    answer = client.get(f"/{route.pattern}".replace("<int:pk>", "1").replace("<int:session_id>", "1"))

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in")


@pytest.mark.parametrize(("route", "method"), of_kind(Kind.SIGNED_IN), ids=name_of)
def test_what_needs_somebody_refuses_the_anonymous(client, route, method):
    answer = client.get(f"/{route.pattern}")

    assert answer.status_code == (401 if route.pattern.startswith("api/") else 302)


def test_organizations_are_ones_own(world):
    for token in (world.mallory.user_token.text, world.mallory.agent_token.text):
        page = bearer(token).get("/api/v1/organizations/").json()
        assert [org["slug"] for org in page["results"]] == [world.mallory.org.slug]


def test_revoked_and_removed_people_lose_their_tokens():
    world = make_world()
    spare = issue_token(org_id=world.alice.org_id, kind=TokenKind.USER, name="spare", user=world.alice.owner)
    revoke_token(org_id=world.alice.org_id, token_id=spare.token.id)
    world.alice.owner.is_active = False
    world.alice.owner.save()

    for token in (spare.text, world.alice.user_token.text):
        assert bearer(token).get("/api/v1/organizations/").status_code == 401
