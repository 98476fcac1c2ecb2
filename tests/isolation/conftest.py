"""One scratch database for the tests of the catalogue and of the roles."""

import pytest


@pytest.fixture(scope="session")
def scratch():
    from tests.isolation.database import Scratch

    database = Scratch()
    database.create()
    yield database
    database.drop()


@pytest.fixture(scope="session")
def tenant_tables(scratch):
    from tests.isolation.database import TENANT_TABLES

    with scratch.connect("owner") as connection:
        return [name for (name,) in connection.execute(TENANT_TABLES)]


@pytest.fixture
def client():
    """A browser in which nobody is signed in."""
    from django.test import Client

    return Client(raise_request_exception=False)
