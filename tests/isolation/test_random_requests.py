"""Ten thousand random requests across organizations: whatever Mallory names of Alice's, the answer is 404 (promise S1).

The same ones each time, and others with another `DAGGERBOARD_TEST_SEED`.
"""

import os
import random

import pytest

from tests.callers import anonymous, bearer, signed_in
from tests.isolation.routes import Kind, Route, of_kind
from tests.isolation.world import World, make_world

REQUESTS = 10_000
SEED = int(os.environ.get("DAGGERBOARD_TEST_SEED", "7"))
QUERIES = [
    "",
    "limit=3",
    "cursor=x",
    "q=%00",
    "status=SUCCESS",
    "asset=a",
    "log_key=raw&q=x",
    "deployment=prod",
    "first=-1",
]
BODIES = ["{}", "[]", "null", '{"name": "x"}', '{"status": "canceled"}', '{"assets": ["a"]}', "not json"]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_nothing_of_another_organization_is_found_by_chance(world: World) -> None:
    dice = random.Random(SEED)
    routes = [*of_kind(Kind.API), *of_kind(Kind.PAGE), *of_kind(Kind.LIVE)]
    mallory = world.mallory
    callers = [
        bearer(mallory.user_token.text),
        signed_in(mallory.owner),
        signed_in(mallory.viewer),
        bearer(mallory.agent_token.text),
    ]
    found = []
    for _ in range(REQUESTS):
        route, method = dice.choice(routes)
        answer = _ask(dice, dice.choice(callers), method, world, route)
        # A page takes no token: it sends a program to sign in, before it looks at anything.
        allowed = {404, 302} if route.pattern.startswith("<slug:org>") else {404}
        if answer.status_code not in allowed or (answer.status_code == 302 and "/sign-in" not in answer["Location"]):
            found.append((method, route.pattern, answer.status_code))

    assert found == [], f"seed {SEED}"


def _ask(dice: random.Random, client, method: str, world: World, route: Route):
    address = world.address(route, org=world.alice, guessed=dice.random() < 0.3)
    query = dice.choice(QUERIES)
    if method in {"GET", "HEAD"}:
        return client.generic(method, address, QUERY_STRING=query)
    return client.generic(method, f"{address}?{query}", dice.choice(BODIES), content_type="application/json")


def test_the_same_requests_find_things_for_those_who_belong_there(world: World) -> None:
    """The control: were nothing ever found, the test above could not fail."""
    routes = [route for route, method in of_kind(Kind.API) if method == "GET"]
    own = bearer(world.alice.user_token.text)
    statuses = [own.get(world.address(route, org=world.alice)).status_code for route in routes]

    assert statuses.count(200) > len(routes) / 2, statuses
    assert anonymous().get(world.address(routes[0], org=world.alice)).status_code == 401
