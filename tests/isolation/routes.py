"""Every route of the control plane, from the URLconf, and what each promises to those who have no business there.

A new route fails `test_every_route_is_placed` until it is placed in one of the groups below: on purpose, by somebody who thought
about who may reach it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.urls import URLPattern, get_resolver

from tests.isolation.account_routes import OPEN, OWN
from tests.isolation.automation_routes import AUTOMATION


class Kind(StrEnum):
    """What a route promises."""

    # Open to all; tells nothing about anybody.
    OPEN = "open"
    # Needs somebody, but no organization: answers with what the caller may enter.
    SIGNED_IN = "signed in"
    # A person's own account: anonymous is sent to sign in, and nothing in the address says whose it is.
    OWN = "own"
    # REST of one organization: anonymous 401, outsider 404, insider without the right 403.
    API = "api"
    # Page of one organization: anonymous is sent to sign in, the rest as above.
    PAGE = "page"
    # Stream of changes behind a page, by session or token: anonymous 401, outsiders 404.
    LIVE = "live"
    # Identity providers with a token of the kind SCIM only: everybody else 401 or 403.
    SCIM = "scim"
    # Agents with their own token only.
    AGENT = "agent"
    # Programs with a token of a person or a service account; one route for many operations.
    GRAPHQL = "graphql"
    # As dagster-webserver answers, with a token of a person or a service account.
    DAGSTER = "dagster"
    # Processes outside of runs with the token of their own session.
    PIPES = "pipes"


@dataclass(frozen=True)
class Route:
    """One leaf of the URLconf."""

    pattern: str
    callback: Any

    @property
    def view(self) -> Any:
        """The class behind it, or the function."""
        return getattr(self.callback, "cls", None) or getattr(self.callback, "view_class", None) or self.callback

    @property
    def methods(self) -> list[str]:
        declared = getattr(self.view, "permissions", None)
        return sorted(declared) if declared else ["GET"]


def routes() -> list[Route]:
    return list(_leaves(get_resolver().url_patterns, ""))


def _leaves(patterns: Any, prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield Route(path, pattern.callback)
        else:
            yield from _leaves(pattern.url_patterns, path)


_ORG = "api/v1/organizations/<slug:org>/"
_API = f"{_ORG}deployments/<slug:deployment>/"
_RUN = f"{_API}runs/<uuid:run_id>/"
_SETTINGS = "<slug:org>/settings/"
_PAGE = "<slug:org>/<slug:deployment>/"

PLACES: dict[Kind, list[str]] = {
    Kind.OPEN: OPEN,
    Kind.OWN: OWN,
    Kind.SIGNED_IN: ["", "api/v1/", "api/v1/organizations/"],
    Kind.API: [
        _ORG,
        f"{_ORG}audit-events/",
        f"{_ORG}audit-events/export/",
        f"{_ORG}audit-events/<uuid:event_id>/",
        f"{_ORG}audit-streams/",
        f"{_ORG}audit-streams/<uuid:stream_id>/",
        f"{_ORG}audit-streams/<uuid:stream_id>/test/",
        f"{_ORG}git-connections/",
        f"{_ORG}git-connections/<uuid:git_connection_id>/",
        f"{_ORG}git-connections/<uuid:git_connection_id>/test/",
        f"{_ORG}git-connections/<uuid:git_connection_id>/sync/",
        f"{_ORG}git-connections/<uuid:git_connection_id>/webhook-secret/",
        f"{_ORG}git-connections/<uuid:git_connection_id>/webhooks/",
        f"{_ORG}repositories/",
        f"{_ORG}repositories/<uuid:repository_id>/",
        f"{_ORG}repositories/<uuid:repository_id>/reconcile/",
        f"{_ORG}branch-deployments/",
        f"{_ORG}branch-deployments/<slug:branch>/",
        f"{_ORG}branch-deployments/<slug:branch>/extend/",
        f"{_ORG}branch-deployments/<slug:branch>/close/",
        f"{_ORG}branch-deployments/<slug:branch>/approve/",
        f"{_ORG}branch-deployments/<slug:branch>/sleep/",
        f"{_ORG}branch-deployments/<slug:branch>/wake/",
        f"{_ORG}branch-deployments/<slug:branch>/keep-awake/",
        f"{_ORG}branch-deployments/<slug:branch>/rebuild/",
        f"{_ORG}undo-deletion/",
        f"{_ORG}logo/",
        f"{_ORG}export/",
        f"{_ORG}members/",
        f"{_ORG}members/<uuid:user_id>/",
        f"{_ORG}members/<uuid:user_id>/rights/",
        f"{_ORG}invitations/",
        f"{_ORG}invitations/<uuid:invitation_id>/",
        f"{_ORG}invitations/<uuid:invitation_id>/resend/",
        f"{_ORG}teams/",
        f"{_ORG}teams/<uuid:team_id>/",
        f"{_ORG}teams/<uuid:team_id>/members/",
        f"{_ORG}teams/<uuid:team_id>/members/<uuid:user_id>/",
        f"{_ORG}roles/",
        f"{_ORG}roles/<uuid:role_id>/",
        f"{_ORG}grants/",
        f"{_ORG}grants/<uuid:grant_id>/",
        f"{_ORG}permissions/",
        f"{_ORG}sso/connections/",
        f"{_ORG}sso/connections/<uuid:connection_id>/",
        f"{_ORG}sso/domains/",
        f"{_ORG}sso/domains/<uuid:domain_id>/",
        f"{_ORG}sso/domains/<uuid:domain_id>/verify/",
        f"{_ORG}agents/",
        f"{_ORG}quotas/",
        f"{_ORG}agents/<uuid:agent_id>/",
        f"{_ORG}tokens/",
        f"{_ORG}tokens/<uuid:token_id>/",
        f"{_ORG}tokens/<uuid:token_id>/rotate/",
        f"{_ORG}service-accounts/",
        f"{_ORG}service-accounts/<uuid:service_account_id>/",
        f"{_ORG}service-accounts/<uuid:service_account_id>/tokens/",
        f"{_ORG}agents/<uuid:agent_id>/block/",
        f"{_ORG}source-archives/missing/",
        f"{_ORG}source-archives/<str:sha256>/",
        f"{_ORG}deployments/",
        f"{_ORG}deployment-deletions/",
        _API,
        f"{_API}settings/",
        f"{_API}configuration/",
        f"{_API}serving/",
        f"{_API}promotions/",
        f"{_API}promotions/preview/",
        f"{_API}promotions/<uuid:promotion_id>/",
        f"{_API}promotions/<uuid:promotion_id>/rollback/",
        f"{_API}freeze/",
        f"{_API}protection/",
        f"{_API}protection/override/",
        f"{_API}deploy/",
        f"{_API}code-locations/",
        f"{_API}code-locations/<str:location>/",
        f"{_API}code-locations/<str:location>/reload/",
        f"{_API}code-locations/<str:location>/rollback/",
        f"{_API}code-locations/<str:location>/versions/",
        f"{_API}assets/",
        f"{_API}assets/<path:key>/",
        f"{_API}asset-events/",
        f"{_API}asset-wipes/",
        f"{_API}asset-wipes/<uuid:wipe_id>/",
        f"{_API}asset-graph/",
        f"{_API}asset-health/",
        f"{_API}freshness-changes/",
        f"{_API}asset-evaluations/",
        f"{_API}automation/",
        f"{_API}automation/pause/",
        f"{_API}materializations/",
        f"{_API}observations/",
        f"{_API}checks/",
        f"{_API}check-evaluations/",
        f"{_API}partitions/",
        f"{_API}partitions/cells/",
        *AUTOMATION,
        f"{_API}jobs/",
        f"{_API}jobs/<str:job>/",
        f"{_API}jobs/<str:job>/validate/",
        f"{_API}environment/",
        f"{_API}environment/import/",
        f"{_API}environment/export/",
        f"{_API}environment/effective/",
        f"{_API}environment/agent-keys/",
        f"{_API}environment/<uuid:variable_id>/",
        f"{_API}environment/<uuid:variable_id>/reveal/",
        f"{_API}changes/",
        f"{_API}changes/results/",
        f"{_API}changes/estimate/",
        f"{_API}cost/",
        f"{_API}cost/assets/<path:key>/",
        f"{_API}backfills/",
        f"{_API}backfills/preview/",
        f"{_API}backfills/<uuid:backfill_id>/",
        *(f"{_API}backfills/<uuid:backfill_id>/{part}/" for part in ("partitions", "runs", "pause", "resume")),
        *(f"{_API}backfills/<uuid:backfill_id>/{part}/" for part in ("cancel", "retry")),
        f"{_API}dynamic-partitions/",
        f"{_API}dynamic-partitions/keys/",
        f"{_API}runs/",
        _RUN,
        f"{_RUN}cancel/",
        f"{_RUN}priority/",
        f"{_API}bulk-actions/",
        f"{_API}bulk-actions/<uuid:bulk_action_id>/",
        f"{_API}queue/",
        f"{_API}pools/",
        f"{_API}pools/free/",
        f"{_RUN}re-execute/",
        f"{_RUN}events/",
        f"{_RUN}steps/",
        f"{_RUN}logs/",
        f"{_RUN}logs/<str:stream>/",
        f"{_RUN}logs/<str:stream>/lines/",
        f"{_RUN}logs/<str:stream>/search/",
    ],
    Kind.PAGE: [
        "<slug:org>",
        "<slug:org>/new",
        f"{_SETTINGS}deployments",
        f"{_SETTINGS}git",
        f"{_SETTINGS}git/new",
        f"{_SETTINGS}git/<uuid:git_connection_id>",
        f"{_SETTINGS}git/<uuid:git_connection_id>/test",
        f"{_SETTINGS}git/<uuid:git_connection_id>/sync",
        f"{_SETTINGS}git/<uuid:git_connection_id>/secret",
        f"{_SETTINGS}git/<uuid:git_connection_id>/delete",
        f"{_SETTINGS}repositories/<uuid:repository_id>",
        f"{_SETTINGS}repositories/<uuid:repository_id>/reconcile",
        f"{_SETTINGS}audit",
        f"{_SETTINGS}audit/export",
        f"{_SETTINGS}audit/<uuid:event_id>",
        f"{_SETTINGS}audit/streams",
        f"{_SETTINGS}audit/streams/<uuid:stream_id>",
        f"{_SETTINGS}audit/streams/<uuid:stream_id>/test",
        _SETTINGS,
        f"{_SETTINGS}sessions",
        f"{_SETTINGS}networks",
        f"{_SETTINGS}logo",
        f"{_SETTINGS}logo/remove",
        f"{_SETTINGS}state",
        f"{_SETTINGS}export",
        f"{_SETTINGS}delete",
        f"{_SETTINGS}undo-deletion",
        f"{_SETTINGS}scim",
        f"{_SETTINGS}scim/tokens",
        f"{_SETTINGS}scim/tokens/<uuid:token_id>/revoke",
        f"{_SETTINGS}members",
        f"{_SETTINGS}members/invite",
        f"{_SETTINGS}members/<uuid:user_id>",
        f"{_SETTINGS}members/<uuid:user_id>/give",
        f"{_SETTINGS}members/<uuid:user_id>/join",
        f"{_SETTINGS}members/<uuid:user_id>/remove",
        f"{_SETTINGS}invitations/<uuid:invitation_id>/resend",
        f"{_SETTINGS}invitations/<uuid:invitation_id>/revoke",
        f"{_SETTINGS}grants/<uuid:grant_id>/revoke",
        f"{_SETTINGS}teams",
        f"{_SETTINGS}teams/<uuid:team_id>",
        f"{_SETTINGS}teams/<uuid:team_id>/rename",
        f"{_SETTINGS}teams/<uuid:team_id>/delete",
        f"{_SETTINGS}teams/<uuid:team_id>/add",
        f"{_SETTINGS}teams/<uuid:team_id>/members/<uuid:user_id>/remove",
        f"{_SETTINGS}roles",
        f"{_SETTINGS}roles/new",
        f"{_SETTINGS}roles/<uuid:role_id>/rename",
        f"{_SETTINGS}roles/<uuid:role_id>/delete",
        f"{_SETTINGS}sso",
        f"{_SETTINGS}sso/connections",
        f"{_SETTINGS}sso/connections/<uuid:connection_id>",
        f"{_SETTINGS}sso/connections/<uuid:connection_id>/switch",
        f"{_SETTINGS}sso/connections/<uuid:connection_id>/delete",
        f"{_SETTINGS}sso/connections/<uuid:connection_id>/test",
        f"{_SETTINGS}sso/connections/<uuid:connection_id>/tested",
        f"{_SETTINGS}sso/domains",
        f"{_SETTINGS}sso/domains/<uuid:domain_id>/verify",
        f"{_SETTINGS}sso/domains/<uuid:domain_id>/set",
        f"{_SETTINGS}sso/domains/<uuid:domain_id>/remove",
        f"{_SETTINGS}quotas",
        f"{_SETTINGS}tokens",
        f"{_SETTINGS}tokens/new",
        f"{_SETTINGS}tokens/<uuid:token_id>",
        f"{_SETTINGS}tokens/<uuid:token_id>/rotate",
        f"{_SETTINGS}tokens/<uuid:token_id>/revoke",
        f"{_SETTINGS}agent-tokens",
        f"{_SETTINGS}all-tokens",
        f"{_SETTINGS}service-accounts",
        f"{_SETTINGS}service-accounts/<uuid:service_account_id>",
        f"{_SETTINGS}service-accounts/<uuid:service_account_id>/give",
        f"{_SETTINGS}service-accounts/<uuid:service_account_id>/delete",
        f"{_SETTINGS}service-accounts/<uuid:service_account_id>/tokens",
        _PAGE,
        f"{_PAGE}branch/act",
        f"{_PAGE}branch/materialize",
        f"{_PAGE}branch/lineage",
        "<slug:org>/branches",
        "<slug:org>/branches/<slug:deployment>/counts",
        "<slug:org>/d/<slug:deployment>",
        "<slug:org>/d/<slug:deployment>@<str:sha>",
        f"{_PAGE}palette",
        f"{_PAGE}assets",
        f"{_PAGE}assets/<path:key>",
        f"{_PAGE}asset",
        f"{_PAGE}asset/acknowledge",
        f"{_PAGE}checks",
        f"{_PAGE}checks/run",
        f"{_PAGE}asset/report",
        f"{_PAGE}asset/wipe",
        f"{_PAGE}lineage",
        f"{_PAGE}lineage/statuses",
        f"{_PAGE}jobs",
        f"{_PAGE}jobs/<path:location>/<str:name>",
        f"{_PAGE}job",
        f"{_PAGE}launchpad",
        f"{_PAGE}launchpad/validate",
        f"{_PAGE}launchpad/keys",
        f"{_PAGE}backfills",
        f"{_PAGE}backfills/new",
        f"{_PAGE}backfills/<uuid:backfill_id>",
        f"{_PAGE}backfills/<uuid:backfill_id>/act",
        f"{_PAGE}dynamic-partitions",
        f"{_PAGE}runs",
        f"{_PAGE}queue",
        f"{_PAGE}queue/<uuid:run_id>",
        f"{_PAGE}pools",
        f"{_PAGE}runs/<uuid:run_id>",
        f"{_PAGE}runs/<uuid:run_id>/head",
        f"{_PAGE}runs/<uuid:run_id>/steps",
        f"{_PAGE}runs/<uuid:run_id>/events",
        f"{_PAGE}runs/<uuid:run_id>/events/<int:seq>",
        f"{_PAGE}runs/<uuid:run_id>/config",
        f"{_PAGE}runs/<uuid:run_id>/cancel",
        f"{_PAGE}runs/<uuid:run_id>/re-execute",
        f"{_PAGE}runs/<uuid:run_id>/logs",
        f"{_PAGE}runs/<uuid:run_id>/logs/lines",
        f"{_PAGE}runs/<uuid:run_id>/logs/search",
        f"{_PAGE}runs/<uuid:run_id>/logs/download",
        f"{_PAGE}automation",
        f"{_PAGE}automation/switch",
        f"{_PAGE}automation/named",
        f"{_PAGE}automation/<uuid:instigator_id>",
        f"{_PAGE}automation/<uuid:instigator_id>/switch",
        f"{_PAGE}automation/<uuid:instigator_id>/cursor",
        f"{_PAGE}automation/<uuid:instigator_id>/tick",
        f"{_PAGE}automation/<uuid:instigator_id>/test",
        f"{_PAGE}automation/<uuid:instigator_id>/apply",
        f"{_PAGE}ticks/<uuid:tick_id>",
        f"{_PAGE}code-locations",
        f"{_PAGE}code-locations/<path:name>",
        f"{_PAGE}code-location",
        f"{_PAGE}code-location/new",
        f"{_PAGE}code-location/version",
        f"{_PAGE}code-location/rollback",
        f"{_PAGE}promotions",
        f"{_PAGE}promotions/<uuid:promotion_id>",
        f"{_PAGE}promotions/<uuid:promotion_id>/rollback",
        f"{_PAGE}settings",
        f"{_PAGE}settings/document",
        f"{_PAGE}settings/freeze",
        f"{_PAGE}settings/thaw",
        f"{_PAGE}settings/protection",
        f"{_PAGE}settings/override",
        f"{_PAGE}settings/delete",
        f"{_PAGE}code-location/reload",
        f"{_PAGE}code-location/delete",
        f"{_PAGE}environment",
        f"{_PAGE}environment/new",
        f"{_PAGE}environment/import",
        f"{_PAGE}environment/export",
        f"{_PAGE}environment/effective",
        f"{_PAGE}environment/<uuid:variable_id>",
        f"{_PAGE}environment/<uuid:variable_id>/delete",
        f"{_PAGE}environment/<uuid:variable_id>/reveal",
        f"{_PAGE}agents",
        f"{_PAGE}agents/tokens",
        f"{_PAGE}agents/tokens/<uuid:token_id>/revoke",
        f"{_PAGE}agents/<uuid:agent_id>",
    ],
    Kind.LIVE: [f"{_PAGE}live", f"{_PAGE}runs/<uuid:run_id>/live"],
    # What each does with another organization's ids is in tests/tenants/test_scim.py.
    Kind.SCIM: [
        f"scim/v2/{rest}"
        for rest in (
            "",
            "ServiceProviderConfig",
            "Schemas",
            "Schemas/<str:resource_id>",
            "ResourceTypes",
            "ResourceTypes/<str:resource_id>",
            "Users",
            "Users/.search",
            "Users/<str:resource_id>",
            "Groups",
            "Groups/.search",
            "Groups/<str:resource_id>",
            ".search",
        )
    ],
    # What each operation does with another organization's token, and without the right, is in tests/delivery/test_dagster_cloud_tenancy.py.
    Kind.GRAPHQL: ["<slug:org>/graphql", "<slug:org>/<slug:deployment>/graphql"],
    # Whom they let in, and what they record: tests/external/test_reports.py.
    Kind.DAGSTER: [
        f"{_PAGE}report_asset_{kind}/{rest}"
        for kind in ("materialization", "observation", "check")
        for rest in ("", "<path:asset_key>")
    ],
    # What else a session's token opens, which is nothing: tests/external/test_pipes.py.
    Kind.PIPES: [f"pipes/v1/sessions/<uuid:session_id>/{name}" for name in ("messages", "context")],
    # What each does with another organization's ids is in tests/dispatch/test_tenancy.py, which reads the URLconf too.
    Kind.AGENT: [
        "agent/v1/register",
        "agent/v1/poll",
        "agent/v1/heartbeat",
        "agent/v1/events",
        "agent/v1/logs",
        "agent/v1/results",
        "agent/v1/definitions/missing",
        "agent/v1/definitions/<str:sha256>",
        "agent/v1/locations",
        "agent/v1/environment",
        "agent/v1/sources/<str:sha256>",
        "agent/v1/read",
        "agent/v1/goodbye",
    ],
}
KIND_OF = {pattern: kind for kind, patterns in PLACES.items() for pattern in patterns}


def of_kind(*kinds: Kind) -> list[tuple[Route, str]]:
    """Every (route, method) of these kinds."""
    return [(r, method) for r in routes() if KIND_OF.get(r.pattern) in kinds for method in r.methods]


def name_of(value: Any) -> str:
    """A short name for a test's parameter."""
    return value.pattern.replace("api/v1/organizations/<slug:org>/", "…/") if isinstance(value, Route) else str(value)
