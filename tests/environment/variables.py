"""Making variables and branch deployments for tests."""

from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.environment import services
from controlplane.environment.drafts import Content, Draft, Scopes, value_of
from controlplane.environment.models import VariableKind
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


def some_variables(cast):
    """One of each kind, as a page would show them."""
    make_branch(cast)
    set_variable(cast, "WAREHOUSE_URL", "postgresql://etl@warehouse/prod", FULL)
    set_variable(cast, "WAREHOUSE_URL", "postgresql://etl@warehouse/staging", Scopes(all_branches=True, local=True))
    set_variable(cast, "WAREHOUSE_URL", "postgresql://shop@warehouse/prod", FULL, ["shop"])
    set_variable(
        cast,
        "API_KEY_WITH_A_NAME_THAT_IS_QUITE_LONG_AS_THEY_SOMETIMES_ARE",
        "x" * 40,
        LOCAL,
        ["shop", "a-long-location"],
    )
    references = (
        ("DB_PASSWORD", "vault", "secret/team/warehouse#password"),
        (
            "SLACK_TOKEN",
            "aws_secrets_manager",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-AbCdEf#token",
        ),
    )
    for name, store, reference in references:
        content = Content(VariableKind.REFERENCE, store=store, reference=reference)
        services.create_variable(deployment=cast.deployment, draft=Draft(name, FULL, (), content), actor=cast.actor)
