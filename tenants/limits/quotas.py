"""What an organization may use: read from its own quotas, else from the installation's (`DAGGERBOARD_QUOTA_…`)."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError, QuotaExceededError
from tenants.limits.models import OrganizationQuota, QuotaName
from tenants.scoping import org_scope

# Rates are asked for with every batch of events; a new quota counts within this time.
_CACHE_SECONDS = 5.0
_cache: dict[UUID, tuple[float, dict[QuotaName, int]]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Quota:
    """One limit of one organization; None for no limit. `is_own` when it differs from the installation's."""

    name: QuotaName
    limit: int | None
    is_own: bool


def quotas(org_id: UUID) -> list[Quota]:
    """Every quota, in the order of QuotaName."""
    own = _own(org_id)
    return [Quota(name, _limit(own, name), is_own=name in own) for name in QuotaName]


def limit(org_id: UUID, name: QuotaName) -> int | None:
    """The limit now; None for none."""
    return _limit(_own(org_id), name)


def limit_lately(org_id: UUID, name: QuotaName) -> int | None:
    """The limit as it was a few seconds ago at most, without a query: for what happens many times a second."""
    now = time.monotonic()
    known = _cache.get(org_id)
    if known is None or now - known[0] > _CACHE_SECONDS:
        known = (now, _own(org_id))
        with _lock:
            if len(_cache) > 10_000:
                _cache.clear()
            _cache[org_id] = known
    return _limit(known[1], name)


def require_room(org_id: UUID, name: QuotaName, *, used: Callable[[], int], more: int = 1) -> None:
    """QuotaExceededError unless there is room for one more, or for `more` of what it counts.

    Call it in the transaction that adds them: others wait for its end.
    """
    allowed = limit(org_id, name)
    if allowed is None:
        return
    hold(org_id, name)
    count = used()
    if count + more > allowed:
        raise QuotaExceededError(exceeded(name, used=count, limit=allowed))


def hold(org_id: UUID, name: QuotaName) -> None:
    """Let nobody else count this for the organization until the current transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{name}:{org_id}"])


def exceeded(name: QuotaName, *, used: int, limit: int) -> str:
    """The sentence for people: what is full, and who can change it."""
    return (
        f"The organization has {used:,} of {limit:,} ({name.label.lower()}). "
        f"Remove some, or ask whoever runs this installation for more (daggerboard quota set … {name} N)."
    )


def set_quota(*, org_id: UUID, name: QuotaName, value: int | None, actor: Actor) -> None:
    """Give an organization a limit of its own (0 for none), or with None the installation's again."""
    if value is not None and not 0 <= value < 2**62:
        raise InvalidError("A quota is a whole number from 0 (no limit) on.", attr="value")
    with org_scope(org_id):
        rows = OrganizationQuota.objects.for_org(org_id).filter(name=name)
        before = rows.values_list("value", flat=True).first()
        rows.delete()
        if value is not None:
            OrganizationQuota.objects.create_in(org_id, name=name, value=value, set_by=actor.label[:254])
        record(
            org_id=org_id,
            actor=actor,
            action="quota.set",
            target=AuditTarget("quota", name, name.label),
            before={"value": before},
            after={"value": value},
        )
    with _lock:
        _cache.pop(org_id, None)


def _limit(own: Mapping[QuotaName, int], name: QuotaName) -> int | None:
    """Its own where it has one, else the installation's; 0 says none in both."""
    return int(own.get(name, settings.QUOTAS[name])) or None


def _own(org_id: UUID) -> dict[QuotaName, int]:
    with org_scope(org_id):
        rows = OrganizationQuota.objects.for_org(org_id).values_list("name", "value")
        return {QuotaName(name): value for name, value in rows if name in QuotaName}
