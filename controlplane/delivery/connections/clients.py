"""The client of a connection, for those who are in no transaction, as they must be when they ask it."""

from controlplane.delivery.connections.services import host_of
from controlplane.delivery.hosts.base import GitHost
from controlplane.delivery.models import GitConnection
from tenants.scoping import org_scope


def client_of(connection: GitConnection) -> GitHost:
    """ConflictError while something is missing that it needs."""
    with org_scope(connection.org_id):
        return host_of(connection)
