"""Reading the audit log."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from tenants.audit.filters import AuditFilter
from tenants.audit.models import AuditEvent, AuditSeal
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

# Rows of an export that are in memory at once.
_BATCH = 5_000


def events(org_id: UUID, asked: AuditFilter) -> QuerySet[AuditEvent]:
    """Events that fit, each with its `number` in the chain; order them by `-id`, read them inside org_scope."""
    seal = AuditSeal.objects.for_org(org_id).filter(event_id=OuterRef("id"))
    rows = AuditEvent.objects.for_org(org_id).filter(asked.condition())
    return rows.annotate(number=Subquery(seal.values("number")[:1]), hash=Subquery(seal.values("hash")[:1]))


def event(org_id: UUID, event_id: UUID) -> AuditEvent:
    """One event; NotFoundError when there is none."""
    with org_scope(org_id):
        found = events(org_id, AuditFilter()).filter(id=event_id).first()
    if found is None:
        raise NotFoundError("There is no such event in the audit log.")
    return found


def actions(org_id: UUID) -> list[str]:
    """Every action that was ever recorded, by name: one look into the index for each, however long the log is."""
    with org_scope(org_id):
        found: list[str] = []
        while True:
            rows = AuditEvent.objects.for_org(org_id).filter(action__gt=found[-1] if found else "")
            following = rows.order_by("action").values_list("action", flat=True).first()
            if following is None:
                return found
            found.append(following)


def export(org_id: UUID, asked: AuditFilter) -> Iterator[list[dict[str, Any]]]:
    """All events that fit, oldest first, batch by batch, as columns by name: those of AuditEvent, `number`, `hash`, and `before_text` and
    `after_text`, which are JSON as Postgres writes it. Each batch has a transaction of its own.
    """
    after: UUID | None = None
    while True:
        with org_scope(org_id):
            rows = AuditEvent.objects.for_org(org_id).filter(asked.condition())
            batch = _with_seals(org_id, list(_columns(rows.filter(id__gt=after) if after else rows)[:_BATCH]))
        if batch:
            yield batch
        if len(batch) < _BATCH:
            return
        after = batch[-1]["id"]


def _columns(rows: QuerySet[AuditEvent]) -> Any:
    """Without `before` and `after`, which Python would parse only to write them again."""
    texts = {f"{name}_text": Cast(name, TextField()) for name in ("before", "after")}
    plain = [field.name for field in AuditEvent._meta.fields if field.name not in {"before", "after"}]
    return rows.order_by("id").annotate(**texts).values(*plain, *texts)


def _with_seals(org_id: UUID, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In one look-up for all of them."""
    seals = AuditSeal.objects.for_org(org_id).filter(event_id__in=[row["id"] for row in rows])
    known = {event_id: (number, digest) for event_id, number, digest in seals.values_list("event_id", "number", "hash")}
    for row in rows:
        row["number"], row["hash"] = known.get(row["id"], (None, None))
    return rows


def sealed_after(org_id: UUID, number: int, *, limit: int) -> list[AuditEvent]:
    """Events behind a place of the chain, in its order, each with `number` and `hash`; read inside org_scope."""
    seals = list(AuditSeal.objects.for_org(org_id).filter(number__gt=number).order_by("number")[:limit])
    found = AuditEvent.objects.for_org(org_id).in_bulk([seal.event_id for seal in seals])
    rows = []
    for seal in seals:
        # An event that somebody took out by force leaves its number: what comes after it must still arrive.
        if (row := found.get(seal.event_id)) is not None:
            row.number, row.hash = seal.number, seal.hash  # type: ignore[attr-defined]  # as `events` annotates them
            rows.append(row)
    return rows


def last_number(org_id: UUID) -> int:
    """How far the chain goes; 0 before the first event."""
    with org_scope(org_id):
        newest = AuditSeal.objects.for_org(org_id).order_by("-number").values_list("number", flat=True).first()
    return newest or 0
