"""Reading a run's events: pages in their order, filtered in SQL. The order is (attempt, seq), which is also the primary key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.catalog.selectors import shown_tags
from controlplane.deployments.visibility import Visible
from controlplane.runs.models import RunEvent
from tenants.errors import InvalidError
from tenants.scoping import org_scope

PAGE_MAX = 2000


@dataclass(frozen=True, order=True)
class Place:
    """Where an event stands in its run; as text `<attempt>.<seq>`, which is the cursor of pages and of the live stream."""

    attempt: int
    seq: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        attempt, _, seq = text.partition(".")
        try:
            place = cls(int(attempt), int(seq))
        except ValueError as error:
            raise InvalidError(f"{text!r} is not a cursor of events.", attr="cursor") from error
        if not (0 <= place.attempt < 2**31 and 0 <= place.seq < 2**63):
            raise InvalidError(f"{text!r} is not a cursor of events.", attr="cursor")
        return place


@dataclass(frozen=True)
class EventFilter:
    """What events to show. `level` is the lowest (Python's numbers), `text` is looked for in message and error, whatever its case."""

    types: Sequence[str] = ()
    level: int | None = None
    steps: Sequence[str] = ()
    text: str = ""
    attempt: int | None = None


@dataclass(frozen=True)
class EventPage:
    """Some events in their order. `cursor` goes on from the last one (or the first, when reading backwards)."""

    events: list[RunEvent]
    cursor: Place | None
    has_more: bool


def events(
    org_id: UUID,
    run_id: UUID,
    filters: EventFilter | None = None,
    *,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = 200,
) -> EventPage:
    """A page of events: behind `after`, or the last ones in front of `before`. Always in the order in which they happened."""
    limit = max(1, min(limit, PAGE_MAX))
    backwards = before is not None and after is None
    order = ("-attempt", "-seq") if backwards else ("attempt", "seq")
    with org_scope(org_id):
        rows = filtered(org_id, run_id, filters or EventFilter())
        if after is not None:
            rows = rows.filter(Q(attempt__gt=after.attempt) | Q(attempt=after.attempt, seq__gt=after.seq))
        if before is not None:
            rows = rows.filter(Q(attempt__lt=before.attempt) | Q(attempt=before.attempt, seq__lt=before.seq))
        found = list(rows.order_by(*order)[: limit + 1])
    has_more, found = len(found) > limit, found[:limit]
    last = found[-1] if found else None
    cursor = Place(last.attempt, last.seq) if last else (before if backwards else after)
    return EventPage(found[::-1] if backwards else found, cursor, has_more)


def event(org_id: UUID, run_id: UUID, place: Place) -> RunEvent | None:
    """One event, or None."""
    with org_scope(org_id):
        return RunEvent.objects.for_org(org_id).filter(run_id=run_id, attempt=place.attempt, seq=place.seq).first()


def without_hidden_inputs(visible: Visible, event: RunEvent) -> RunEvent:
    """The event without the tags of a materialization that name inputs which the caller may not see. It is not to be saved."""
    data: dict[str, Any] = event.data or {}
    made = data.get("materialization")
    if isinstance(made, dict) and isinstance(made.get("tags"), dict):
        event.data = {**data, "materialization": {**made, "tags": shown_tags(visible, made["tags"])}}
    return event


def filtered(org_id: UUID, run_id: UUID, filters: EventFilter) -> QuerySet[RunEvent]:
    """The events that pass; read it inside org_scope."""
    rows = RunEvent.objects.for_org(org_id).filter(run_id=run_id)
    if filters.attempt is not None:
        rows = rows.filter(attempt=filters.attempt)
    if filters.types:
        rows = rows.filter(type__in=list(filters.types))
    if filters.level is not None:
        rows = rows.filter(level__gte=filters.level)
    if filters.steps:
        rows = rows.filter(step_key__in=list(filters.steps))
    if filters.text:
        text = filters.text.replace("\0", "")
        rows = rows.filter(Q(message__icontains=text) | Q(error__message__icontains=text))
    return rows
