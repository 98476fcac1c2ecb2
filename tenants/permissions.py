"""The vocabulary of rights, and which role holds which. Nothing else in the product decides who may."""

from enum import StrEnum

from tenants.models import Role, TokenKind


class Permission(StrEnum):
    """Rights, spelled `subject:action`."""

    ORGANIZATION_READ = "organization:read"
    DEPLOYMENT_READ = "deployment:read"
    DEPLOYMENT_WRITE = "deployment:write"
    LOCATION_READ = "code_location:read"
    LOCATION_WRITE = "code_location:write"
    ASSET_READ = "asset:read"
    JOB_READ = "job:read"
    RUN_READ = "run:read"
    RUN_LAUNCH = "run:launch"
    RUN_CANCEL = "run:cancel"
    COST_READ = "cost:read"
    AGENT_READ = "agent:read"
    TOKEN_WRITE = "token:write"
    AGENT_WORK = "agent:work"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    # Everything a person can do; agent:work belongs to agents alone.
    Role.OWNER: frozenset(Permission) - {Permission.AGENT_WORK},
}

# First gate: what a kind of token can be used for at all, whoever made it.
TOKEN_SCOPES: dict[TokenKind, frozenset[Permission]] = {
    TokenKind.USER: frozenset(Permission) - {Permission.AGENT_WORK},
    TokenKind.AGENT: frozenset({Permission.AGENT_WORK}),
}
