"""A connection to a Git host that is not reached, and a repository of it."""

from uuid import UUID

from controlplane.delivery.connections.services import ConnectionValues, create_connection
from controlplane.delivery.models import Repository
from tenants.scoping import org_scope
from tests.cast import Cast

GIT_PARAMETERS = ("git_connection_id", "repository_id")


def git_of(cast: Cast) -> dict[str, UUID]:
    """The ids of both."""
    values = ConnectionValues(name="Our GitLab", api_url="https://127.0.0.1:1", credential="glpat-canary-of-alice")
    made = create_connection(org_id=cast.org_id, provider="gitlab", values=values, actor=cast.actor)
    with org_scope(cast.org_id):
        repository = Repository.objects.create_in(
            cast.org_id,
            connection_id=made.connection.id,
            external_id="4711",
            full_name="acme/shop",
            default_branch="main",
            web_url="https://gitlab.example.com/acme/shop",
        )
    return {"git_connection_id": made.connection.id, "repository_id": repository.id}
