"""`POST /webhooks/git/<connection>`: open to all, believed only with a signature; answers at once."""

from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from controlplane.core import rate_limits
from controlplane.delivery.connections import webhooks
from controlplane.delivery.hosts.base import Webhook, WebhookRefusedError
from tenants.addresses import client_address
from tenants.errors import AppError, InvalidError, TooLargeError, TooManyError

log = structlog.get_logger(__name__)

# From one address to one connection. A busy repository has a few a second; a merge train of a hundred pull requests comes at once.
_PER_SECOND, _BURST = 20, 600
_REFUSED = "There is no such connection, or the signature is wrong. Compare the webhook's address and secret with the connection's."


@csrf_exempt
@require_POST
def receive(request: HttpRequest, git_connection_id: UUID) -> JsonResponse:
    """Take a webhook. 401 for an unknown connection and for a wrong signature alike, 413 and 429 before anything is read."""
    try:
        _check_size(request)
        _count(request, git_connection_id)
        headers = {name.lower(): value for name, value in request.headers.items()}
        is_new = webhooks.take(git_connection_id, lambda: Webhook(headers, request.read()))
    except WebhookRefusedError:
        return _refusal(401, "webhook_refused", _REFUSED)
    except TooManyError as error:
        answer = _refusal(error.status, error.code, error.message)
        answer["Retry-After"] = str(int(error.retry_after or 1))
        return answer
    except AppError as error:
        return _refusal(error.status, error.code, error.message)
    return JsonResponse({"status": "taken" if is_new else "known"}, status=202 if is_new else 200)


def _check_size(request: HttpRequest) -> None:
    limit: int = settings.WEBHOOK_MAX_BYTES
    try:
        size = int(request.headers.get("Content-Length") or 0)
    except ValueError as error:
        raise InvalidError("Content-Length is not a number.") from error
    if size > limit:
        raise TooLargeError(f"The webhook is larger than {limit} bytes (DAGGERBOARD_WEBHOOK_MAX_BYTES).")


def _count(request: HttpRequest, connection_id: UUID) -> None:
    name = f"webhook:{connection_id}:{client_address(request)}"
    wait = rate_limits.take(name, per_second=_PER_SECOND, burst=_BURST)
    if wait:
        raise TooManyError("Too many webhooks of this connection.", retry_after=wait)


def _refusal(status: int, code: str, message: str) -> JsonResponse:
    log.info("webhook.refused", code=code, status=status)
    return JsonResponse({"code": code, "detail": message}, status=status)
