"""How much an organization may send per second: events and bytes of captured logs. Who sends more waits, and loses nothing."""

from uuid import UUID

from controlplane.core import rate_limits
from tenants.errors import TooManyError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import limit_lately

# What may come at once after a quiet time, in seconds of the rate.
_BURST_SECONDS = 10


def require_flow(org_id: UUID, name: QuotaName, amount: int) -> None:
    """TooManyError with the time to wait when the organization sends faster than its quota; the agent keeps it in its spool."""
    per_second = limit_lately(org_id, name)
    if per_second is None or amount <= 0:
        return
    wait = rate_limits.take(f"{name}:{org_id}", per_second=per_second, burst=per_second * _BURST_SECONDS, cost=amount)
    if wait:
        raise TooManyError(
            f"The organization sends more than {per_second:,} ({name.label.lower()}). Agents wait and send it later.",
            retry_after=wait,
        )
