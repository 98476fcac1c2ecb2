"""Lists ask the database the same number of questions for one row and for three."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.callers import new_tenant
from tests.factories import make_agent, make_location, queue_run


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


@pytest.mark.parametrize(
    ("address", "add"),
    [
        ("tokens/", add_token),
        ("agents/", add_agent),
        ("deployments/", add_deployment),
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
    alice.api.get(alice.path + address)  # what is kept per process is kept now
    with CaptureQueriesContext(connection) as asked:
        assert alice.api.get(alice.path + address).status_code == 200
    return len(asked)
