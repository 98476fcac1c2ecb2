"""Lists ask the database the same number of questions for one row and for three."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.limits import quotas
from tenants.models import Role
from tests.callers import new_tenant
from tests.factories import make_agent, make_location, queue_run
from tests.tenants.people import hold, make_team, of, of_team, person


@pytest.fixture(autouse=True)
def kept_quotas(monkeypatch):
    """What is kept of quotas is kept for as long as a test takes."""
    monkeypatch.setattr(quotas, "_CACHE_SECONDS", 3600.0)


def add_token(alice, number):
    alice.api.post(f"{alice.path}tokens/", {"name": f"t{number}"})


def add_run(alice, number):
    queue_run(alice.cast, job="nightly", tags={"n": str(number)})


def add_location(alice, number):
    make_location(alice.cast, f"more{number}")


def add_agent(alice, number):
    make_agent(alice.cast, f"more{number}")


def add_deployment(alice, number):
    alice.api.post(f"{alice.path}deployments/", {"name": f"more{number}"})


def add_member(alice, number):
    """With a team and two grants."""
    user = person(alice.cast, Role.VIEWER)
    hold(alice.cast, of(user), role=Role.EDITOR)
    hold(alice.cast, of_team(make_team(alice.cast, user)), role=Role.VIEWER)


@pytest.mark.parametrize(
    ("address", "add"),
    [
        ("tokens/", add_token),
        ("agents/", add_agent),
        ("deployments/", add_deployment),
        ("members/", add_member),
        ("teams/", add_member),
        ("grants/", add_member),
        ("deployments/prod/code-locations/", add_location),
        ("deployments/prod/runs/", add_run),
    ],
)
def test_list_asks_as_much_for_three_rows_as_for_one(address, add):
    alice = new_tenant()
    make_location(alice.cast)
    add(alice, 0)
    one = questions(alice, address)

    add(alice, 1)
    add(alice, 2)

    assert questions(alice, address) == one


def questions(alice, address):
    """With a token that nobody used before: one that was is believed for two seconds, and looked up again after them."""
    alice.api.get(alice.path + address)  # what is kept per process is kept now
    client = alice.cast.api(alice.owner)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(alice.path + address).status_code == 200
    return len(asked)
