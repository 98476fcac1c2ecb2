"""How much pages of branch deployments ask the database: no more with many branches or code locations than with few."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.delivery.changed_branches import Changed, make_branch, make_changed
from tests.factories import make_location

# Signing in, the organization and the person's rights are twenty of them, with what begins and ends transactions.
MOST = 40


@pytest.fixture
def changed(cast: Cast) -> Changed:
    return make_changed(cast)


def asked(changed: Changed, address: str) -> list[str]:
    """The statements of the second request: what is kept per process is kept by then."""
    browser: Any = changed.cast.signed_in()
    assert browser.get(address).status_code == 200
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(address).status_code == 200
    return [query["sql"] for query in seen.captured_queries]


def test_page_of_code_locations_asks_as_much_for_four_as_for_one(changed: Changed) -> None:
    address = f"/{changed.cast.org.slug}/{changed.name}/code-locations"
    one = len(asked(changed, address))

    for name in ("more", "other", "third"):
        make_location(changed.there, name)

    assert len(asked(changed, address)) == one


@pytest.mark.parametrize("page", ["", "assets", "code-locations", "runs", "jobs", "lineage"])
def test_page_of_a_branch_asks_as_much_beside_many_branches(changed: Changed, page: str) -> None:
    address = f"/{changed.cast.org.slug}/{changed.name}/{page}"
    one = len(asked(changed, address))

    for number in range(20, 32):
        make_branch(changed.cast, number)

    assert len(asked(changed, address)) == one <= MOST


def test_list_of_branches_asks_as_much_for_many_as_for_one(changed: Changed) -> None:
    address = f"/{changed.cast.org.slug}/branches"
    one = len(asked(changed, address))

    for number in range(20, 32):
        make_branch(changed.cast, number)

    statements = asked(changed, address)
    assert len(statements) == one <= MOST
    # What no list shows is long where there are hundreds of them.
    assert not any("base_manifests" in sql or '"protection"' in sql for sql in statements)


def test_reading_takes_no_savepoints(changed: Changed) -> None:
    statements = asked(changed, f"/{changed.cast.org.slug}/{changed.name}/")

    # The one around the person's organizations, which are read in a scope of their own.
    assert sum(sql.startswith("SAVEPOINT") for sql in statements) <= 1
