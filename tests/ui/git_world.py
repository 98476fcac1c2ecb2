"""An organization with a Git host that works, one that is not finished, and one that refuses: to look at the pages about them."""

from dataclasses import dataclass, replace
from ipaddress import ip_network
from uuid import UUID

from django.test import override_settings

from controlplane.delivery.connections.repositories import base_called, current_settings, update_repository
from controlplane.delivery.connections.services import ConnectionValues, create_connection, note_answer
from controlplane.delivery.hosts.base import HostRefusedError
from tests.cast import Cast, make_cast
from tests.delivery.connected import Connected, connect
from tests.delivery.hosts.fake_github import FakeGitHub
from tests.delivery.hosts.host import running
from tests.tenants.people import access_of


@dataclass(frozen=True)
class GitWorld:
    """The cast, and what it has connected."""

    cast: Cast
    working_id: UUID
    unfinished_id: UUID
    refused_id: UUID
    repository_id: UUID


def make_git() -> GitWorld:
    cast = make_cast("git")
    with running(FakeGitHub) as host, override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")]):
        shop = host.add_repository("acme/shop")
        host.add_repository("acme/a-repository-with-a-very-long-name-that-somebody-chose-because-nobody-stopped-them")
        connected = connect(cast, host, "GitHub")
        _set_up(connected, shop.id)
        host.ping()
        shop.push("feature/new-prices", {"prices.py": "x = 1\n"})
        shop.open_pull_request("feature/new-prices")
    given = {"org_id": cast.org_id, "actor": cast.actor}
    unfinished = create_connection(provider="github", values=ConnectionValues(name="GitHub Enterprise"), **given)
    values = ConnectionValues(name="Our GitLab", api_url="https://gitlab.example.com", credential="glpat-x")
    refused = create_connection(provider="gitlab", values=values, **given).connection
    problem = HostRefusedError("GitLab refuses (401). It says: invalid_token", host_status=401)
    note_answer(org_id=cast.org_id, connection_id=refused.id, error=problem)
    repository = connected.repository(shop.id)
    return GitWorld(cast, connected.connection.id, unfinished.connection.id, refused.id, repository.id)


def _set_up(connected: Connected, external_id: int) -> None:
    row, cast = connected.repository(external_id), connected.cast
    base = base_called(access_of(cast, cast.owner), cast.deployment.name)
    settings = replace(current_settings(row), base=base, mode="label", label="preview", exclude_labels=["wip"])
    update_repository(org_id=cast.org_id, repository_id=row.id, settings=settings, actor=cast.actor)
