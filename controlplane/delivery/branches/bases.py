"""To which full deployment a branch belongs that CI tells of, and whether the caller may make or change its branch deployment."""

from controlplane.deployments import branches, selectors
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.models import Deployment, DeploymentKind
from tenants.access import Access
from tenants.errors import ForbiddenError, InvalidError, NotFoundError
from tenants.grants import Place
from tenants.ids import uuid7
from tenants.permissions import Permission


def base_for(access: Access, facts: BranchFacts, name: str) -> Deployment:
    """That of a branch that is known already, the named one, or the only one; call it inside org_scope.

    ForbiddenError where the caller may not write the branch deployment, NotFoundError about a base of which they may not.
    """
    possible = possible_bases(access)
    known = branches.find_branch(access.org.id, facts)
    if known is not None:
        access.at(known.deployment.place).require(Permission.BRANCH_DEPLOYMENT_WRITE)
        return next(row for row in selectors.deployments(access.org.id) if row.id == known.deployment.parent_id)
    found = [row for row in possible if name in {"", row.name}]
    if name and not found:
        raise NotFoundError(f"There is no full deployment called {name} of which you may make branch deployments.")
    if len(found) != 1:
        raise InvalidError("There are several full deployments. Say which one is the base of the branch.", attr="base")
    return found[0]


def possible_bases(access: Access) -> list[Deployment]:
    """Full deployments whose branches the caller may write; ForbiddenError when there are none."""
    full = [row for row in selectors.deployments(access.org.id) if row.kind == DeploymentKind.FULL]
    found = [row for row in full if may_write_branches(access, row)]
    if not found:
        raise ForbiddenError(
            f"This needs the permission {Permission.BRANCH_DEPLOYMENT_WRITE} on a deployment's branches."
        )
    return found


def may_write_branches(access: Access, parent: Deployment) -> bool:
    """Whether the caller may write every branch of a full deployment, those too that are opened tomorrow."""
    rights = access.holdings.at(Place(uuid7(), is_branch=True, parent_id=parent.id)).cut(access.limit)
    return Permission.BRANCH_DEPLOYMENT_WRITE in rights.everywhere
