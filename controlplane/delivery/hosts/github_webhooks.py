"""GitHub's webhooks: the signature over the bytes as they came, and what they are about."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from controlplane.delivery.hosts.base import News, NewsKind, Webhook, WebhookRefusedError
from controlplane.delivery.hosts.webhooks import Found, json_object, nothing, push
from tenants.errors import InvalidError

_UNREADABLE = "The webhook is neither JSON nor a form with a payload in it."
_CONNECTION_EVENTS = frozenset({"installation", "installation_repositories", "installation_target"})


def read(webhook: Webhook, secret: str, installation_id: str) -> News:
    """The news of a webhook. WebhookRefusedError unless it is signed; InvalidError when it is signed and cannot be read."""
    expected = f"sha256={hmac.new(secret.encode(), webhook.body, hashlib.sha256).hexdigest()}"
    signature = webhook.headers.get("x-hub-signature-256", "")
    if not secret or not hmac.compare_digest(signature.encode(), expected.encode()):
        raise WebhookRefusedError
    event, delivery = webhook.headers.get("x-github-event", ""), webhook.headers.get("x-github-delivery", "")
    if not event or not delivery:
        raise InvalidError("The webhook lacks X-GitHub-Event or X-GitHub-Delivery.")
    payload = _payload(webhook)
    installation = payload.get("installation") or {}
    # An app has one address for all its installations, and those of others are none of this connection's.
    ours = not installation_id or str(installation.get("id", installation_id)) == installation_id
    kind, found = _NEWS.get(event, nothing)(payload) if ours else (NewsKind.NOTHING, {})
    return News(
        kind=kind,
        delivery_id=delivery,
        event=event,
        repository_id=str((payload.get("repository") or {}).get("id", "")),
        action=found.pop("action", str(payload.get("action", ""))),
        actor=str((payload.get("sender") or {}).get("login", "")),
        **found,
    )


def _payload(webhook: Webhook) -> dict[str, Any]:
    body = webhook.body
    if webhook.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            body = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        except (ValueError, KeyError) as error:
            raise InvalidError(_UNREADABLE) from error
    return json_object(body, otherwise=_UNREADABLE)


def _pull_request(payload: Mapping[str, Any]) -> Found:
    pull = payload.get("pull_request") or {}
    head = pull.get("head") or {}
    number = payload.get("number") or pull.get("number")
    if not isinstance(number, int):
        return NewsKind.NOTHING, {}
    found = {"number": number, "branch": str(head.get("ref", "")), "sha": str(head.get("sha", ""))}
    return NewsKind.PULL_REQUEST, found


def _check(payload: Mapping[str, Any]) -> Found:
    run = payload.get("check_run") or payload.get("check_suite") or {}
    action = payload.get("action")
    pressed = str((payload.get("requested_action") or {}).get("identifier", ""))
    if action not in {"requested_action", "rerequested"}:
        return NewsKind.NOTHING, {}
    numbers = [pull.get("number") for pull in run.get("pull_requests") or []]
    number = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], int) else None
    return NewsKind.ACTION, {"number": number, "sha": str(run.get("head_sha", "")), "action": pressed or str(action)}


_NEWS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    "pull_request": _pull_request,
    "push": push,
    "repository": lambda _payload: (NewsKind.REPOSITORY, {}),
    "check_run": _check,
    "check_suite": _check,
    **dict.fromkeys(_CONNECTION_EVENTS, lambda _payload: (NewsKind.CONNECTION, {})),
}
