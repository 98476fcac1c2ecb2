"""The vocabulary of rights, and which built-in role holds which. Nothing else in the product decides who may.

The matrix follows Dagster+'s built-in roles, so that what people know holds here; docs/permissions.md is the same table for
people, and tests/tenants/test_matrix.py compares the two.
"""

from collections.abc import Iterable
from enum import StrEnum

from tenants.models import Role, TokenKind


class Permission(StrEnum):
    """Rights, spelled `subject:action`."""

    # Of an organization.
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    MEMBER_READ = "member:read"
    MEMBER_INVITE = "member:invite"
    MEMBER_WRITE = "member:write"
    TEAM_READ = "team:read"
    TEAM_GRANT = "team:grant"
    TEAM_WRITE = "team:write"
    ROLE_READ = "role:read"
    ROLE_WRITE = "role:write"
    OWN_TOKEN_WRITE = "own_token:write"
    USER_TOKEN_WRITE = "user_token:write"
    AGENT_READ = "agent:read"
    AGENT_TOKEN_WRITE = "agent_token:write"
    SERVICE_ACCOUNT_WRITE = "service_account:write"
    SSO_WRITE = "sso:write"
    AUDIT_READ = "audit:read"
    BILLING_WRITE = "billing:write"
    FULL_DEPLOYMENT_WRITE = "full_deployment:write"

    # Of a deployment, and of what is in it.
    DEPLOYMENT_READ = "deployment:read"
    DEPLOYMENT_WRITE = "deployment:write"
    DEPLOYMENT_GRANT = "deployment:grant"
    BRANCH_DEPLOYMENT_WRITE = "branch_deployment:write"
    ENVIRONMENT_READ = "environment:read"
    SECRET_READ = "secret:read"
    SECRET_WRITE = "secret:write"
    LOCATION_READ = "code_location:read"
    LOCATION_WRITE = "code_location:write"
    LOCATION_REDEPLOY = "code_location:redeploy"
    ASSET_READ = "asset:read"
    ASSET_WIPE = "asset:wipe"
    ASSET_REPORT = "asset:report"
    PARTITION_WRITE = "partition:write"
    JOB_READ = "job:read"
    RUN_READ = "run:read"
    RUN_LAUNCH = "run:launch"
    RUN_CANCEL = "run:cancel"
    RUN_DELETE = "run:delete"
    BACKFILL_LAUNCH = "backfill:launch"
    SCHEDULE_WRITE = "schedule:write"
    SENSOR_WRITE = "sensor:write"
    SENSOR_CURSOR_WRITE = "sensor_cursor:write"
    CONCURRENCY_WRITE = "concurrency:write"
    ALERT_WRITE = "alert:write"
    CATALOG_VIEW_WRITE = "catalog_view:write"
    CATALOG_VIEW_ADMIN = "catalog_view:admin"
    METRIC_WRITE = "metric:write"
    COST_READ = "cost:read"

    # Of agents alone.
    AGENT_WORK = "agent:work"


def permissions_named(names: Iterable[str]) -> frozenset[Permission]:
    """Stored names as permissions. A name that a later version dropped gives nothing."""
    known = {permission.value: permission for permission in Permission}
    return frozenset(known[name] for name in names if name in known)


_P = Permission

_VIEWER = frozenset(
    {_P.ORGANIZATION_READ, _P.MEMBER_READ, _P.TEAM_READ, _P.ROLE_READ, _P.OWN_TOKEN_WRITE, _P.AGENT_READ}
    | {_P.DEPLOYMENT_READ, _P.ENVIRONMENT_READ, _P.LOCATION_READ, _P.ASSET_READ, _P.JOB_READ, _P.RUN_READ, _P.COST_READ}
)
_LAUNCHER = _VIEWER | {_P.RUN_LAUNCH, _P.RUN_CANCEL, _P.RUN_DELETE, _P.BACKFILL_LAUNCH}
_EDITOR = (
    _LAUNCHER
    | {_P.DEPLOYMENT_WRITE, _P.BRANCH_DEPLOYMENT_WRITE, _P.SECRET_READ, _P.SECRET_WRITE}
    | {_P.LOCATION_WRITE, _P.LOCATION_REDEPLOY, _P.ASSET_WIPE, _P.ASSET_REPORT, _P.PARTITION_WRITE}
    | {_P.SCHEDULE_WRITE, _P.SENSOR_WRITE, _P.SENSOR_CURSOR_WRITE, _P.CONCURRENCY_WRITE}
    | {_P.ALERT_WRITE, _P.CATALOG_VIEW_WRITE, _P.METRIC_WRITE}
)
_ADMIN = _EDITOR | {_P.MEMBER_INVITE, _P.TEAM_GRANT, _P.DEPLOYMENT_GRANT, _P.CATALOG_VIEW_ADMIN}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.LAUNCHER: _LAUNCHER,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: _ADMIN,
    # Everything a person can do; agent:work belongs to agents alone.
    Role.ORGANIZATION_ADMIN: frozenset(Permission) - {Permission.AGENT_WORK},
}

# Held through an organization-wide grant only. Other rights of an organization come with a grant anywhere in it.
ORGANIZATION_WIDE = ROLE_PERMISSIONS[Role.ORGANIZATION_ADMIN] - ROLE_PERMISSIONS[Role.ADMIN]
# Rights over a deployment and what is in it; the rest are over the organization.
OF_DEPLOYMENTS = frozenset(list(Permission)[list(Permission).index(_P.DEPLOYMENT_READ) : -1])
# Being a member is enough, whatever one's grants are.
OF_MEMBERS = frozenset({_P.ORGANIZATION_READ})

# First gate: what a kind of token can be used for at all, whoever made it.
TOKEN_SCOPES: dict[TokenKind, frozenset[Permission]] = {
    TokenKind.USER: frozenset(Permission) - {Permission.AGENT_WORK},
    TokenKind.SERVICE: frozenset(Permission) - {Permission.AGENT_WORK, Permission.OWN_TOKEN_WRITE},
    TokenKind.AGENT: frozenset({Permission.AGENT_WORK}),
    # SCIM endpoints ask for the kind itself.
    TokenKind.SCIM: frozenset(),
}
