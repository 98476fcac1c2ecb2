"""Connections of organizations to the fake hosts, made by the product's own services."""

from dataclasses import dataclass
from uuid import UUID

from django.test import Client

from controlplane.delivery.connections.repositories import repositories, sync_repositories
from controlplane.delivery.connections.services import ConnectionValues, create_connection
from controlplane.delivery.models import GitConnection, Repository
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.delivery.hosts.host import FakeHost
from tests.delivery.hosts.outbox import Receiver


@dataclass(frozen=True)
class Connected:
    """An organization and its connection to a fake host; webhooks are received as over HTTP, in this process."""

    cast: Cast
    host: FakeHost
    connection: GitConnection

    @property
    def org_id(self) -> UUID:
        return self.cast.org_id

    @property
    def path(self) -> str:
        return f"/webhooks/git/{self.connection.id}"

    def repository(self, external_id: int) -> Repository:
        """The row of a repository of the host."""
        with org_scope(self.org_id):
            return repositories(self.org_id, self.connection.id).get(external_id=str(external_id))

    def sync(self) -> None:
        sync_repositories(org_id=self.org_id, connection_id=self.connection.id, actor=self.cast.actor)


def connect(cast: Cast, host: FakeHost, name: str = "") -> Connected:
    """A connection with the host's credential and secret, whose repositories are known, and who gets the host's webhooks."""
    credential = dict(host.credential)
    secret = credential.pop("private_key", "") or credential.pop("token")
    values = ConnectionValues(
        name=name or host.provider,
        api_url=host.api_url,
        credential=secret,
        webhook_secret=host.webhook_secret,
        **credential,
    )
    made = create_connection(org_id=cast.org_id, provider=host.provider, values=values, actor=cast.actor)
    found = Connected(cast, host, made.connection)
    found.sync()
    host.outbox.receiver = receiver(found.path)
    return found


def receiver(path: str) -> Receiver:
    """Takes webhooks at a path of this process."""

    def post(headers: dict[str, str], body: bytes) -> int:
        kind = headers["Content-Type"]
        return Client().generic("POST", path, body, content_type=kind, headers=dict(headers)).status_code

    return post
