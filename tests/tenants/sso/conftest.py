"""Real identity providers, a real name server, and settings that let the product reach them."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def reaches_this_machine(settings_of: Any) -> None:
    """Providers of tests listen on this machine, which addresses that users give do not reach otherwise."""
    settings_of(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")])


@pytest.fixture
def settings_of() -> Iterator[Any]:
    """`settings_of(NAME=value)` holds until the test ends."""
    from django.test import override_settings

    opened: list[Any] = []

    def set_to(**values: Any) -> None:
        override = override_settings(**values)
        override.enable()
        opened.append(override)

    yield set_to
    for override in reversed(opened):
        override.disable()


@pytest.fixture
def dns(settings_of: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The name server that the product asks, with the patience that a slow machine needs."""
    from tenants.sso import dns as asking
    from tests.tenants.sso.name_server import name_server

    with name_server() as server:
        settings_of(DNS_RESOLVERS=[server.address])
        monkeypatch.setattr(asking, "_SECONDS", 60.0)
        yield server


@pytest.fixture(scope="session")
def saml_idp() -> Iterator[Any]:
    """Samlify as an identity provider."""
    from tests.tenants.sso.saml_provider import started

    with started() as provider:
        yield provider
