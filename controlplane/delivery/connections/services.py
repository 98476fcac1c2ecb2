"""What people do with connections to Git hosts: set up, test, change, delete; and the client of one, for everybody who asks the host.

`host_of(connection)` makes the client; call it inside org_scope, and what it answers outside of every transaction.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.delivery.branches import closing
from controlplane.delivery.hosts import github_webhooks, gitlab_webhooks
from controlplane.delivery.hosts.base import GitHost, HostConnectionGoneError, News, Webhook
from controlplane.delivery.hosts.github import GitHubHost
from controlplane.delivery.hosts.github_app import private_key
from controlplane.delivery.hosts.gitlab import GitLabHost
from controlplane.delivery.models import GitConnection, Provider, PullRequest, PullRequestState
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import AppError, ConflictError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.outbound import parsed_url
from tenants.outbound_rules import OutboundRefusedError
from tenants.scoping import org_scope
from tenants.sealing import open_sealed, seal

# More hosts than anybody has.
_CONNECTIONS_MAX = 20
_CREDENTIAL, _WEBHOOK_SECRET = "git-credential", "git-webhook-secret"
_LENGTHS = {"name": 100, "api_url": 300, "app_id": 50, "installation_id": 50}
# Nobody guesses it; GitHub and GitLab take what is typed.
_SECRET_LENGTHS = range(16, 201)
_MAX_CREDENTIAL = 20_000
DEFAULT_URLS = {Provider.GITHUB: "https://github.com", Provider.GITLAB: "https://gitlab.com"}


@dataclass(frozen=True)
class ConnectionValues:
    """What somebody set; None leaves a value as it is. `credential` is a GitHub App's private key (PEM), or a GitLab access token."""

    name: str | None = None
    api_url: str | None = None
    app_id: str | None = None
    installation_id: str | None = None
    credential: str | None = None
    webhook_secret: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that were set."""
        return {f.name: getattr(self, f.name).strip() for f in fields(self) if getattr(self, f.name) is not None}

    def __repr__(self) -> str:
        return f"ConnectionValues({', '.join(sorted(self.given))})"


@dataclass(frozen=True)
class NewConnection:
    """A connection that was made. `webhook_secret` goes into the host's settings; it is shown once."""

    connection: GitConnection
    webhook_secret: str


def create_connection(*, org_id: UUID, provider: str, values: ConnectionValues, actor: Actor) -> NewConnection:
    """Add a connection; its credential may follow, as GitHub gives one out only for an app that knows the address of its webhooks.

    InvalidError names the field that is wrong.
    """
    if provider not in Provider.values:
        raise InvalidError(f"A Git host is {' or '.join(Provider.values)}.", attr="provider")
    host = Provider(provider)
    secret = values.webhook_secret or secrets.token_urlsafe(32)
    with org_scope(org_id):
        if GitConnection.objects.for_org(org_id).count() >= _CONNECTIONS_MAX:
            raise ConflictError(f"An organization has {_CONNECTIONS_MAX} connections at most. Delete one first.")
        connection = GitConnection(id=uuid7(), org_id=org_id, provider=host, name=host.label, sealed_credential=b"")
        connection.created_by = actor.label[:254]
        defaults = {"api_url": DEFAULT_URLS[host], "webhook_secret": secret}
        _apply(connection, {**defaults, **{k: v for k, v in values.given.items() if v}})
        _save(connection, force_insert=True)
        _note(connection, actor, "create", after=_state(connection))
    return NewConnection(connection, secret)


def update_connection(*, org_id: UUID, connection_id: UUID, values: ConnectionValues, actor: Actor) -> GitConnection:
    """Change what was given. Another address wants the credential again: it is not sent where nobody entered it for."""
    given = values.given
    with org_scope(org_id):
        connection = access_connection(org_id, connection_id, lock=True)
        before, address = _state(connection), connection.api_url
        _apply(connection, given)
        if connection.api_url != address and connection.sealed_credential and not given.get("credential"):
            raise InvalidError("Another address needs the credential again: enter both.", attr="credential")
        connection.error, connection.gone_at, connection.checked_at = "", None, None
        _save(connection)
        renewed = {name: True for name in ("credential", "webhook_secret") if given.get(name)}
        _note(connection, actor, "update", before=before, after={**_state(connection), "renewed": sorted(renewed)})
    return connection


def renew_webhook_secret(*, org_id: UUID, connection_id: UUID, actor: Actor) -> NewConnection:
    """Another secret for the host's settings; webhooks signed with the old one are refused from now on."""
    secret = secrets.token_urlsafe(32)
    values = ConnectionValues(webhook_secret=secret)
    return NewConnection(
        update_connection(org_id=org_id, connection_id=connection_id, values=values, actor=actor), secret
    )


def delete_connection(*, org_id: UUID, connection_id: UUID, actor: Actor) -> None:
    """Forget a connection with its repositories and pull requests. Their branch deployments are closed first, but for those
    that the same pull request keeps through another connection.
    """
    with org_scope(org_id):
        connection = access_connection(org_id, connection_id)
        known = PullRequest.objects.for_org(org_id).filter(deployment_id__isnull=False)
        kept = known.exclude(repository__connection_id=connection_id).filter(state=PullRequestState.OPEN)
        pulls = known.filter(repository__connection_id=connection_id)
        pulls = pulls.exclude(deployment_id__in=kept.values("deployment_id"))
        deployments = [found for found in pulls.values_list("deployment_id", flat=True) if found]
    reason = f"The connection {connection.name} to its Git host was deleted."
    for deployment_id in deployments:
        try:
            closing.close(org_id=org_id, deployment_id=deployment_id, reason=reason, actor=actor)
        except NotFoundError:
            continue  # It is archived and deleted already.
    with org_scope(org_id):
        connection = access_connection(org_id, connection_id, lock=True)
        _note(connection, actor, "delete", before=_state(connection))
        connection.delete()


def test_connection(*, org_id: UUID, connection_id: UUID, actor: Actor) -> str:
    """Ask the host whose credential this is. The error of the host is stored with the connection, and raised."""
    with org_scope(org_id):
        host = host_of(access_connection(org_id, connection_id))
    try:
        whose = host.check()
    except AppError as error:
        connection = note_answer(org_id=org_id, connection_id=connection_id, error=error)
        _note(connection, actor, "test", result="failure", reason=error.message)
        raise
    connection = note_answer(org_id=org_id, connection_id=connection_id, error=None)
    _note(connection, actor, "test", after={"credential_of": whose})
    return whose


def note_answer(*, org_id: UUID, connection_id: UUID, error: AppError | None) -> GitConnection:
    """Remember how the host answered: it works, it refuses us, or it knows the installation no more."""
    with org_scope(org_id):
        connection = access_connection(org_id, connection_id, lock=True)
        connection.error = error.message[:500] if error else ""
        gone = isinstance(error, HostConnectionGoneError)
        connection.gone_at = (connection.gone_at or timezone.now()) if gone else None
        connection.checked_at = timezone.now()
        connection.save(update_fields=["error", "gone_at", "checked_at"])
    return connection


def host_of(connection: GitConnection) -> GitHost:
    """The client of a connection; ConflictError while something is missing that it needs. Inside org_scope; asks nobody."""
    missing = missing_values(connection)
    if missing:
        raise ConflictError(f"The connection {connection.name} needs {', '.join(missing)} first.")
    credential = _opened(connection, _CREDENTIAL, connection.sealed_credential)
    if connection.provider == Provider.GITLAB:
        return GitLabHost(api_url=connection.api_url, token=credential)
    return GitHubHost(
        api_url=connection.api_url,
        app_id=connection.app_id,
        installation_id=connection.installation_id,
        private_key=credential,
    )


def read_webhook(connection: GitConnection, webhook: Webhook) -> News:
    """Verify a webhook with the connection's secret; see GitHost.read_webhook. Inside org_scope."""
    secret = _opened(connection, _WEBHOOK_SECRET, connection.sealed_webhook_secret)
    if connection.provider == Provider.GITLAB:
        return gitlab_webhooks.read(webhook, secret)
    return github_webhooks.read(webhook, secret, connection.installation_id)


def missing_values(connection: GitConnection) -> list[str]:
    """What a connection still needs before it can work, in words."""
    if connection.provider == Provider.GITLAB:
        return [] if connection.sealed_credential else ["an access token"]
    needed = {
        "the app id": connection.app_id,
        "the installation id": connection.installation_id,
        "the private key": connection.sealed_credential,
    }
    return [name for name, value in needed.items() if not value]


def connections(org_id: UUID) -> QuerySet[GitConnection]:
    """The connections of an organization; read it inside org_scope."""
    return GitConnection.objects.for_org(org_id)


def access_connection(org_id: UUID, connection_id: UUID, *, lock: bool = False) -> GitConnection:
    """One connection; NotFoundError when there is none."""
    with org_scope(org_id):
        rows = GitConnection.objects.for_org(org_id).filter(id=connection_id)
        found = (rows.select_for_update() if lock else rows).first()
    if found is None:
        raise NotFoundError("There is no such connection to a Git host.")
    return found


def _apply(connection: GitConnection, given: Mapping[str, str]) -> None:
    for name in _LENGTHS.keys() & given.keys():
        setattr(connection, name, _text(name, given[name]))
    if not connection.name:
        raise InvalidError("A connection needs a name, such as GitHub.", attr="name")
    for name in ("app_id", "installation_id"):
        value = getattr(connection, name)
        if value and not (value.isascii() and value.isdigit()):
            raise InvalidError("This is a number, as GitHub shows it.", attr=name)
    if "api_url" in given:
        connection.api_url = api_url(Provider(connection.provider), connection.api_url)
    if given.get("credential"):
        text = _credential(connection, given["credential"])
        connection.sealed_credential = seal(connection.org_id, _CREDENTIAL, connection.id, text.encode())
    if given.get("webhook_secret"):
        text = _new_webhook_secret(given["webhook_secret"])
        connection.sealed_webhook_secret = seal(connection.org_id, _WEBHOOK_SECRET, connection.id, text.encode())


def api_url(provider: Provider, address: str) -> str:
    """The address of the API of a host that people know by the address of its pages; InvalidError when it is none."""
    try:
        parsed_url(address)
    except OutboundRefusedError as error:
        raise InvalidError(error.message, attr="api_url") from error
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise InvalidError("The address of a host has no ? and no #.", attr="api_url")
    path, host = parts.path.rstrip("/"), parts.netloc.lower()
    root = f"{parts.scheme}://{host}"
    if provider == Provider.GITLAB:
        return f"{root}{path.removesuffix('/api/v4')}/api/v4"
    if path in {"", "/api/v3"} and host in {"github.com", "www.github.com", "api.github.com"}:
        return "https://api.github.com"
    # GitHub Enterprise Cloud with data residency has its API beside its pages, GitHub Enterprise Server below them.
    if host.endswith(".ghe.com"):
        return f"{parts.scheme}://api.{host.removeprefix('api.')}"
    return f"{root}{path.removesuffix('/api/v3')}/api/v3"


def _credential(connection: GitConnection, text: str) -> str:
    if len(text) > _MAX_CREDENTIAL:
        raise InvalidError(f"The credential has at most {_MAX_CREDENTIAL} characters.", attr="credential")
    if connection.provider == Provider.GITHUB:
        private_key(text)
        return text
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidError("An access token is one word, such as glpat-….", attr="credential")
    return text


def _new_webhook_secret(text: str) -> str:
    if len(text) not in _SECRET_LENGTHS or not text.isascii() or not text.isprintable():
        low, high = _SECRET_LENGTHS[0], _SECRET_LENGTHS[-1]
        raise InvalidError(f"A webhook secret is {low} to {high} printable ASCII characters.", attr="webhook_secret")
    return text


def _text(name: str, value: str) -> str:
    if len(value) > _LENGTHS[name] or not value.isprintable():
        raise InvalidError(f"At most {_LENGTHS[name]} printable characters.", attr=name)
    return value


def _save(connection: GitConnection, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            connection.save(force_insert=force_insert)
    except IntegrityError as error:
        raise ConflictError(f"There is already a connection called {connection.name}.", attr="name") from error


def _opened(connection: GitConnection, purpose: str, sealed: bytes | memoryview) -> str:
    return open_sealed(connection.org_id, purpose, connection.id, bytes(sealed)).decode()


def _state(connection: GitConnection) -> dict[str, Any]:
    """What the audit log keeps; never a secret."""
    return {
        "name": connection.name,
        "provider": connection.provider,
        "api_url": connection.api_url,
        "app_id": connection.app_id,
        "installation_id": connection.installation_id,
    }


def _note(connection: GitConnection, actor: Actor, verb: str, **described: Any) -> None:
    target = AuditTarget("git_connection", connection.id, connection.name)
    record(org_id=connection.org_id, actor=actor, action=f"git_connection.{verb}", target=target, **described)
