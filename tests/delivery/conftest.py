"""Git hosts on this machine, and settings that let the product reach them."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def reaches_this_machine() -> Iterator[None]:
    """Hosts of tests listen on this machine, which addresses that users give do not reach otherwise."""
    from django.test import override_settings

    with override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8"), ip_network("::1/128")]):
        yield


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A fake GitHub, then a fake GitLab."""
    yield from _started(request.param)


@pytest.fixture
def github() -> Iterator[Any]:
    """A fake GitHub."""
    yield from _started("github")


@pytest.fixture
def gitlab() -> Iterator[Any]:
    """A fake GitLab."""
    yield from _started("gitlab")


def _started(provider: str) -> Iterator[Any]:
    from tests.delivery.hosts.fake_github import FakeGitHub
    from tests.delivery.hosts.fake_gitlab import FakeGitLab
    from tests.delivery.hosts.host import running

    faces = {"github": FakeGitHub, "gitlab": FakeGitLab}
    with running(faces[provider]) as started:
        yield started
