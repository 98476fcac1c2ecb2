"""What somebody does at a Git host so that it can be connected: addresses, rights and events, with our own values filled in."""

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from controlplane.delivery.connections.serializers import webhook_url
from controlplane.delivery.hosts.github import EVENTS, PERMISSIONS
from controlplane.delivery.models import GitConnection, Provider

_WHY = {
    "checks": "checks of commits, with what failed beside the line",
    "contents": "reading the code that is deployed",
    "deployments": "the button that leads to a branch deployment",
    "metadata": "what every app has",
    "pull_requests": "the comment of a pull request",
    "statuses": "statuses of commits",
}


@dataclass(frozen=True)
class Guide:
    """Steps for one connection. `link` leads to the host, with the form filled in where the host has one."""

    webhook_url: str
    link: str
    permissions: list[tuple[str, str, str]]
    events: tuple[str, ...]


def guide_of(connection: GitConnection, account: str) -> Guide:
    """`account` is the organization or group that the app or token belongs to; empty for one's own account."""
    address = webhook_url(connection)
    if connection.provider == Provider.GITLAB:
        root = connection.api_url.removesuffix("/api/v4")
        events = ("Push events", "Merge request events")
        link = f"{root}/-/user_settings/personal_access_tokens?{urlencode({'name': 'Daggerboard', 'scopes': 'api'})}"
        return Guide(address, link, [("api", "write", "comments, statuses, environments and reading the code")], events)
    permissions = [(name, level, _WHY[name]) for name, level in PERMISSIONS.items()]
    return Guide(address, _new_app(connection, account), permissions, EVENTS)


def _new_app(connection: GitConnection, account: str) -> str:
    """GitHub's form for a new app, filled in. SECURITY: without the webhook secret, which would stay in the browser's history."""
    name = f"Daggerboard {urlsplit(settings.PUBLIC_URL).hostname} {str(connection.id)[-4:]}"
    values = [
        ("name", name[:34]),
        ("url", settings.PUBLIC_URL),
        ("public", "false"),
        ("webhook_active", "true"),
        ("webhook_url", webhook_url(connection)),
        *((name, level) for name, level in PERMISSIONS.items() if name != "metadata"),
        *(("events[]", event) for event in EVENTS),
    ]
    owner = f"/organizations/{account}" if account else ""
    return f"{_pages_of(connection.api_url)}{owner}/settings/apps/new?{urlencode(values)}"


def _pages_of(api_url: str) -> str:
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}{parts.path.removesuffix('/api/v3')}"
