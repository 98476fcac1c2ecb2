"""Making variables and branch deployments for tests."""

from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.environment import services
from controlplane.environment.drafts import Draft, Scopes, value_of
from tenants.scoping import org_scope

FULL = Scopes(full=True)
BRANCHES = Scopes(all_branches=True)
LOCAL = Scopes(local=True)


def make_branch(cast, name="feature"):
    with org_scope(cast.org_id):
        return Deployment.objects.create_in(
            cast.org_id, name=name, kind=DeploymentKind.BRANCH, parent_id=cast.deployment.id
        )


def set_variable(cast, name, value="a value", scopes=FULL, locations=(), **fields):
    draft = Draft(name=name, scopes=scopes, locations=tuple(locations), content=value_of(value), **fields)
    return services.create_variable(deployment=cast.deployment, draft=draft, actor=cast.actor)
