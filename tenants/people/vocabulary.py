"""Permissions for people who put roles together: groups, words, the lowest built-in role, and the names that Dagster+ gives them."""

from dataclasses import dataclass

from tenants.models import Role
from tenants.permissions import OF_DEPLOYMENTS, ORGANIZATION_WIDE, ROLE_PERMISSIONS, Permission

_P = Permission

# Group, and what each permission in it lets one do.
WORDS: dict[str, dict[Permission, str]] = {
    "Deployments": {
        _P.DEPLOYMENT_READ: "See the deployment",
        _P.DEPLOYMENT_WRITE: "Change the deployment's settings",
        _P.DEPLOYMENT_GRANT: "Give and take roles in the deployment",
        _P.BRANCH_DEPLOYMENT_WRITE: "Create and delete branch deployments",
        _P.CONCURRENCY_WRITE: "Change limits of runs at the same time",
        _P.COST_READ: "See usage and cost",
    },
    "Environment": {
        _P.ENVIRONMENT_READ: "See names of environment variables",
        _P.SECRET_READ: "See and export their values",
        _P.SECRET_WRITE: "Create, change and delete them",
    },
    "Code locations": {
        _P.LOCATION_READ: "See code locations",
        _P.LOCATION_WRITE: "Deploy and remove code locations",
        _P.LOCATION_REDEPLOY: "Reload code, go back to a version",
    },
    "Assets and jobs": {
        _P.ASSET_READ: "See assets, lineage and checks",
        _P.ASSET_WIPE: "Wipe what was materialized",
        _P.ASSET_REPORT: "Report events of assets from outside",
        _P.PARTITION_WRITE: "Add and delete dynamic partitions",
        _P.JOB_READ: "See jobs",
    },
    "Runs and automation": {
        _P.RUN_READ: "See runs and their logs",
        _P.RUN_LAUNCH: "Launch and re-execute runs",
        _P.RUN_CANCEL: "Cancel runs",
        _P.RUN_DELETE: "Delete runs",
        _P.BACKFILL_LAUNCH: "Launch and cancel backfills",
        _P.SCHEDULE_WRITE: "Start and stop schedules",
        _P.SENSOR_WRITE: "Start and stop sensors",
        _P.SENSOR_CURSOR_WRITE: "Set cursors of sensors",
    },
    "Alerts and catalog": {
        _P.ALERT_WRITE: "Manage alerts and their channels",
        _P.CATALOG_VIEW_WRITE: "Manage shared views and dashboards",
        _P.CATALOG_VIEW_ADMIN: "Change views of other people",
        _P.METRIC_WRITE: "Manage metrics and prices",
    },
    "People": {
        _P.MEMBER_READ: "See members",
        _P.MEMBER_INVITE: "Invite people",
        _P.MEMBER_WRITE: "Give roles in the whole organization, remove members",
        _P.TEAM_READ: "See teams",
        _P.TEAM_GRANT: "Change what a team holds",
        _P.TEAM_WRITE: "Create, rename and delete teams, choose who is in them",
        _P.ROLE_READ: "See roles",
        _P.ROLE_WRITE: "Create, change and delete custom roles",
    },
    "Tokens and agents": {
        _P.OWN_TOKEN_WRITE: "Make and revoke one's own tokens",
        _P.USER_TOKEN_WRITE: "List and revoke tokens of everybody",
        _P.AGENT_READ: "See agents",
        _P.AGENT_TOKEN_WRITE: "Make and revoke tokens of agents",
        _P.SERVICE_ACCOUNT_WRITE: "Manage service accounts and their tokens",
    },
    "Organization": {
        _P.ORGANIZATION_READ: "See the organization",
        _P.ORGANIZATION_WRITE: "Change the organization's settings",
        _P.FULL_DEPLOYMENT_WRITE: "Create and delete full deployments",
        _P.SSO_WRITE: "Set up single sign-on and SCIM",
        _P.AUDIT_READ: "Read the audit log",
        _P.BILLING_WRITE: "Manage usage limits and billing",
    },
}

# What a custom role of Dagster+ may hold, and what that is here; nothing where Daggerboard has no such thing.
DAGSTER_PLUS: dict[str, frozenset[Permission]] = {
    "START_AND_STOP_RUNS": frozenset({_P.RUN_LAUNCH, _P.RUN_CANCEL, _P.BACKFILL_LAUNCH}),
    "DELETE_RUNS": frozenset({_P.RUN_DELETE}),
    "TOGGLE_SCHEDULES": frozenset({_P.SCHEDULE_WRITE}),
    "TOGGLE_SENSORS": frozenset({_P.SENSOR_WRITE}),
    "EDIT_SENSOR_CURSORS": frozenset({_P.SENSOR_CURSOR_WRITE}),
    "EDIT_DYNAMIC_PARTITIONS": frozenset({_P.PARTITION_WRITE}),
    "WIPE_ASSETS": frozenset({_P.ASSET_WIPE}),
    "REPORT_ASSET_EVENTS": frozenset({_P.ASSET_REPORT}),
    "EDIT_CODE_LOCATIONS": frozenset({_P.LOCATION_WRITE}),
    "REDEPLOY_CODE_LOCATIONS": frozenset({_P.LOCATION_REDEPLOY}),
    "READ_SECRET_VALUES": frozenset({_P.SECRET_READ}),
    "EDIT_SECRETS": frozenset({_P.SECRET_WRITE}),
    "MANAGE_BRANCH_DEPLOYMENTS": frozenset({_P.BRANCH_DEPLOYMENT_WRITE}),
    "EDIT_CUSTOM_ROLES": frozenset({_P.ROLE_WRITE}),
    "READ_AND_EDIT_AGENT_TOKENS": frozenset({_P.AGENT_TOKEN_WRITE}),
    "MANAGE_SERVICE_USERS": frozenset({_P.SERVICE_ACCOUNT_WRITE}),
    "MANAGE_FULL_DEPLOYMENTS": frozenset({_P.FULL_DEPLOYMENT_WRITE}),
    "EDIT_ALERTS": frozenset({_P.ALERT_WRITE}),
    "EDIT_DEPLOYMENT_SETTINGS": frozenset({_P.DEPLOYMENT_WRITE}),
    "EDIT_DEPLOYMENT_PERMISSIONS": frozenset({_P.DEPLOYMENT_GRANT, _P.TEAM_GRANT}),
    "EDIT_CONCURRENCY_LIMITS": frozenset({_P.CONCURRENCY_WRITE}),
    "EDIT_INSIGHTS_METRICS": frozenset({_P.METRIC_WRITE}),
    "EDIT_ALL_CATALOG_VIEWS": frozenset({_P.CATALOG_VIEW_WRITE}),
    "EDIT_OTHER_USERS_CATALOG_VIEWS": frozenset({_P.CATALOG_VIEW_ADMIN}),
    "EDIT_ISSUES": frozenset(),
    "EDIT_EXTERNAL_ASSET_CONNECTIONS": frozenset(),
    "EDIT_APP_MANAGED_COMPONENTS": frozenset(),
    "EDIT_APP_MANAGED_REPO_BINDING": frozenset(),
    "REFRESH_COMPONENT_STATE": frozenset(),
    "EDIT_USERS_AND_TEAMS": frozenset({_P.MEMBER_INVITE, _P.MEMBER_WRITE, _P.TEAM_WRITE, _P.TEAM_GRANT}),
    "MANAGE_SSO_AND_SCIM": frozenset({_P.SSO_WRITE}),
    "READ_AND_EDIT_ALL_USER_TOKENS": frozenset({_P.USER_TOKEN_WRITE}),
    "MANAGE_BILLING": frozenset({_P.BILLING_WRITE}),
    "READ_AUDIT_LOG": frozenset({_P.AUDIT_READ}),
}

# A permission for no person: agents alone hold it.
FOR_PEOPLE = frozenset(Permission) - {Permission.AGENT_WORK}


@dataclass(frozen=True)
class PermissionEntry:
    """One permission in words. `lowest` is the first built-in role that holds it; `level` says over what it is."""

    permission: Permission
    group: str
    description: str
    lowest: Role
    dagster_plus: tuple[str, ...]

    @property
    def level(self) -> str:
        """`deployment`, or `organization`; `organization_wide` is held through a grant over the whole organization only."""
        if self.permission in OF_DEPLOYMENTS:
            return "deployment"
        return "organization_wide" if self.permission in ORGANIZATION_WIDE else "organization"


def lowest_role(permission: Permission) -> Role:
    """The first built-in role that holds it."""
    return next(role for role in Role if permission in ROLE_PERMISSIONS[role])


ENTRIES = tuple(
    PermissionEntry(
        permission=permission,
        group=group,
        description=description,
        lowest=lowest_role(permission),
        dagster_plus=tuple(name for name, held in DAGSTER_PLUS.items() if permission in held),
    )
    for group, described in WORDS.items()
    for permission, description in described.items()
)
