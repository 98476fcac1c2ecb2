"""The product's clients for the fake hosts, without a database."""

from controlplane.delivery.hosts import github_webhooks, gitlab_webhooks
from controlplane.delivery.hosts.base import GitHost, News, Webhook
from controlplane.delivery.hosts.github import GitHubHost
from controlplane.delivery.hosts.gitlab import GitLabHost
from tests.delivery.hosts.fake_github import FakeGitHub
from tests.delivery.hosts.host import FakeHost
from tests.delivery.hosts.outbox import Delivery


def client_of(host: FakeHost) -> GitHost:
    """A client with the host's own credential."""
    kind = GitHubHost if isinstance(host, FakeGitHub) else GitLabHost
    return kind(api_url=host.api_url, **host.credential)


def as_webhook(delivery: Delivery, **headers: str) -> Webhook:
    """A delivery as the product takes it."""
    sent = {**delivery.headers, **headers}
    return Webhook(headers={name.lower(): value for name, value in sent.items()}, body=delivery.body)


def read_webhook(host: FakeHost, webhook: Webhook, secret: str) -> News:
    """As the product reads it for a connection to this host."""
    if isinstance(host, FakeGitHub):
        return github_webhooks.read(webhook, secret, host.credential["installation_id"])
    return gitlab_webhooks.read(webhook, secret)
