"""Fixtures for everybody. Tests commit for real and are never rolled back: each makes an organization of its own instead."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from hypothesis import HealthCheck, settings

from tests import scheduling, session

# The same examples each time, however slow the machine: `--hypothesis-profile=random` looks at others.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("random", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Servers first, settings second, Django third: nothing of ours may be imported before."""
    worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker_input is None:
        config.stash[_SERVICES] = session.begin()
    if worker_input is not None or not config.getoption("numprocesses", None):
        session.join(worker_input["workerid"] if worker_input else "main")
        import django
        from django.conf import settings as of_the_project

        django.setup()
        # Static files are looked for when they are asked for: every client of a test would list them all first.
        of_the_project.WHITENOISE_AUTOREFRESH = True


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_SERVICES, None)
    if services is not None:
        services.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""
    items.sort(key=scheduling.order)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.ByInstallation:
    return scheduling.ByInstallation(config, log)


_SERVICES = pytest.StashKey[Any]()


@pytest.fixture
def cast() -> Any:
    """The organization this test is about: tests/cast.py."""
    from tests.cast import make_cast

    return make_cast()


@pytest.fixture
def outsider() -> Any:
    """Another organization, which must see nothing of the first."""
    from tests.cast import make_cast

    return make_cast("outsider")


@pytest.fixture(autouse=True)
def connections_are_returned() -> Iterator[None]:
    """A connection that a test's thread kept would be missing in some later test: name the one that kept it."""
    from tests.waiting import eventually

    _close_own()
    before = session.borrowed_connections()
    yield
    _close_own()
    eventually(session.borrowed_connections, lambda now: now <= before)


def _close_own() -> None:
    """What this thread borrowed; while a browser is open it has an event loop, and borrows nothing (tests/ui/chromium.py)."""
    from django.db import connections

    with suppress(SynchronousOnlyOperation):
        connections.close_all()
