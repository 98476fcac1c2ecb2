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
from tests.isolation.api_routes import API
from tests.isolation.page_routes import PAGE


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


_PAGE = "<slug:org>/<slug:deployment>/"

PLACES: dict[Kind, list[str]] = {
    Kind.OPEN: OPEN,
    Kind.OWN: OWN,
    Kind.SIGNED_IN: ["", "api/v1/", "api/v1/organizations/"],
    Kind.API: API,
    Kind.PAGE: PAGE,
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
        "agent/v1/results/many",
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
