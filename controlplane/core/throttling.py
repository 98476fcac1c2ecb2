"""How many API requests one caller makes: a bucket per token, or per person of a session."""

from uuid import UUID

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from controlplane.core import rate_limits
from tenants.access import Principal
from tenants.limits.models import QuotaName
from tenants.limits.quotas import limit_lately


class CallerThrottle(BaseThrottle):
    """Refuses with 429 and Retry-After. A minute's requests may come at once; then they come at the rate."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: object) -> bool:
        principal = request.user
        if not isinstance(principal, Principal):
            return True
        per_minute = _limit(principal)
        if not per_minute:
            return True
        self._wait = rate_limits.take(f"api:{_caller(principal)}", per_second=per_minute / 60, burst=per_minute) or None
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def _limit(principal: Principal) -> int | None:
    """That of the token's organization; a session may be in several, and has the installation's."""
    if principal.token is not None:
        return limit_lately(principal.token.org.id, QuotaName.API_REQUESTS_PER_MINUTE)
    return int(settings.QUOTAS[QuotaName.API_REQUESTS_PER_MINUTE]) or None


def _caller(principal: Principal) -> UUID | None:
    return principal.token.id if principal.token is not None else principal.user_id
