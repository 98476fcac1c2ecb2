"""Reading variables: of a deployment, of one code location, and the keys of agents."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.environment.models import AgentKey, EnvironmentVariable
from controlplane.environment.precedence import holds_for, holds_in
from controlplane.environment.visible import VariableRights
from tenants.access import Access
from tenants.errors import NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

# What says that a variable holds in a scope.
SCOPE_FIELDS = {"full_deployment": "in_full", "all_branch_deployments": "in_all_branches", "local": "in_local"}


def owner_id(deployment: Deployment) -> UUID:
    """The full deployment whose variables these are."""
    if deployment.kind == DeploymentKind.BRANCH and deployment.parent_id is not None:
        return deployment.parent_id
    return deployment.id


def variables(deployment: Deployment) -> list[EnvironmentVariable]:
    """All variables of a full deployment; of a branch deployment those that hold there. By name."""
    with read_scope(deployment.org_id):
        return list(_of(deployment).order_by("name", "id"))


def visible_variables(access: Access, deployment: Deployment) -> list[EnvironmentVariable]:
    """Those that the caller may know of."""
    rights = VariableRights(access)
    return [variable for variable in variables(deployment) if rights.sees(variable)]


def variable(access: Access, deployment: Deployment, variable_id: UUID) -> EnvironmentVariable:
    """One variable; NotFoundError when there is none, or the caller may not know of it."""
    with read_scope(deployment.org_id):
        found = _of(deployment).filter(id=variable_id).first()
    if found is None or not VariableRights(access).sees(found):
        raise NotFoundError("There is no such environment variable here.")
    return found


def variables_of_location(deployment: Deployment, location: str) -> list[EnvironmentVariable]:
    """Everything that holds for one code location in one deployment, beaten or not."""
    return [v for v in variables(deployment) if holds_in(v, deployment) and holds_for(v, location)]


def variables_of_deployments(org_id: UUID, owners: Iterable[UUID]) -> dict[UUID, list[EnvironmentVariable]]:
    """All variables of several full deployments, in one query; call it inside org_scope."""
    found: dict[UUID, list[EnvironmentVariable]] = {}
    for row in EnvironmentVariable.objects.for_org(org_id).filter(deployment_id__in=set(owners)).defer("sealed"):
        found.setdefault(row.deployment_id, []).append(row)
    return found


def agent_keys(org_id: UUID) -> list[AgentKey]:
    """The public key of every agent that has one."""
    with read_scope(org_id):
        return list(AgentKey.objects.for_org(org_id).order_by("agent_id"))


def _of(deployment: Deployment) -> QuerySet[EnvironmentVariable]:
    rows = EnvironmentVariable.objects.for_org(deployment.org_id).filter(deployment_id=owner_id(deployment))
    rows = rows.select_related("branch")
    if deployment.kind == DeploymentKind.BRANCH:
        return rows.filter(Q(in_all_branches=True) | Q(branch_id=deployment.id))
    return rows


def readable_of_scope(access: Access, deployment: Deployment, scope: str) -> list[EnvironmentVariable]:
    """What the caller may read the values of, in one scope; of several with one name, the one for all code locations."""
    rights = VariableRights(access)
    found: dict[str, EnvironmentVariable] = {}
    for row in visible_variables(access, deployment):
        readable = getattr(row, SCOPE_FIELDS[scope]) and rights.allows(Permission.SECRET_READ, row.locations)
        if readable and (not row.locations or row.name not in found):
            found[row.name] = row
    return list(found.values())
