"""Whose branch deployment it is: two repositories may have had one name, and the numbers of pull requests begin anew in each."""

from uuid import UUID

from controlplane.delivery.models import Repository
from controlplane.deployments.branches import BranchFacts, find_branch
from tenants.errors import ConflictError


def require_own(org_id: UUID, facts: BranchFacts) -> None:
    """ConflictError when the branch deployment of these facts belongs to another connected repository. Call it inside org_scope."""
    known = find_branch(org_id, facts)
    if known is None or known.repository_id is None or facts.repository_id in {None, known.repository_id}:
        return
    rows = Repository.objects.for_org(org_id).select_related("connection")
    places = {row.id: (row.connection.api_url, row.external_id) for row in rows.filter(id=known.repository_id)}
    own = rows.filter(id=facts.repository_id).first()
    # One that is reached through another connection is the same; one whose connection was deleted cannot be told from ours.
    if own is None or places.get(known.repository_id) in {None, (own.connection.api_url, own.external_id)}:
        return
    raise ConflictError(
        f"The branch deployment {known.deployment.name} belongs to another repository that is, or was, called {facts.repository}. "
        "Delete it: the next look makes one for this repository."
    )
