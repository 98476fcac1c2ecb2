"""GitLab's webhooks: the secret token that comes with them, or the signature of those that have a signing token."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from controlplane.delivery.hosts.base import News, NewsKind, Webhook, WebhookRefusedError
from controlplane.delivery.hosts.webhooks import Found, json_object, nothing, push

# How old a signed webhook may be: Standard Webhooks, which this is, says five minutes.
_MAX_AGE_SECONDS = 300
# How a signing token that is base64 begins.
_BASE64_PREFIX = "whsec_"


def read(webhook: Webhook, secret: str) -> News:
    """The news of a webhook. WebhookRefusedError unless it proves the secret; InvalidError when it does and cannot be read."""
    if not (secret and (_is_signed(webhook, secret) or _has_token(webhook, secret))):
        raise WebhookRefusedError
    payload = json_object(webhook.body, otherwise="The webhook is not JSON.")
    kind, found = _NEWS.get(str(payload.get("object_kind", "")), nothing)(payload)
    project = payload.get("project") or {}
    person = payload.get("user") or {}
    return News(
        kind=kind,
        delivery_id=_delivery_id(webhook),
        event=webhook.headers.get("x-gitlab-event", "")[:60],
        repository_id=str(project.get("id") or payload.get("project_id") or ""),
        actor=str(person.get("username") or payload.get("user_username") or ""),
        **found,
    )


def _has_token(webhook: Webhook, secret: str) -> bool:
    # SECURITY: with a signature that is wrong, the token alone does not help.
    if "webhook-signature" in webhook.headers:
        return False
    return hmac.compare_digest(webhook.headers.get("x-gitlab-token", "").encode(), secret.encode())


def _is_signed(webhook: Webhook, secret: str) -> bool:
    identity, moment = (webhook.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
    if not (moment.isascii() and moment.isdigit() and abs(time.time() - int(moment[:12])) <= _MAX_AGE_SECONDS):
        return False
    signed = f"{identity}.{moment}.".encode() + webhook.body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    offered = webhook.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), expected) for one in offered)


def _key(secret: str) -> bytes:
    if secret.startswith(_BASE64_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_BASE64_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _delivery_id(webhook: Webhook) -> str:
    """The same for each attempt to deliver. Older ones of GitLab send none: there, the same body is the same delivery."""
    named = webhook.headers.get("idempotency-key") or webhook.headers.get("webhook-id")
    return (named or hashlib.sha256(webhook.body).hexdigest())[:100]


def _merge_request(payload: Mapping[str, Any]) -> Found:
    merge_request = payload.get("object_attributes") or {}
    number = merge_request.get("iid")
    if not isinstance(number, int):
        return NewsKind.NOTHING, {}
    found = {
        "number": number,
        "branch": str(merge_request.get("source_branch", "")),
        "sha": str((merge_request.get("last_commit") or {}).get("id", "")),
        "action": str(merge_request.get("action", "")),
    }
    return NewsKind.PULL_REQUEST, found


_NEWS: dict[str, Callable[[Mapping[str, Any]], Found]] = {"merge_request": _merge_request, "push": push}
