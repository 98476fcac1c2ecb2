"""An event as a document: the one form in which it leaves, by the API, in exports and on streams."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec

from tenants.audit.models import AuditEvent
from tenants.people.places import NamedPlace, places
from tenants.scoping import org_scope

COLUMNS = (
    "number",
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor",
    "address",
    "action",
    "target_kind",
    "target_id",
    "target",
    "deployment",
    "result",
    "reason",
    "before",
    "after",
    "hash",
)
# A cell that begins like this is a formula to spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def named_places(org_id: UUID) -> dict[UUID, NamedPlace]:
    """The organization's deployments, to name those of events."""
    with org_scope(org_id):
        return places(org_id)


def document(event: AuditEvent, known: dict[UUID, NamedPlace]) -> dict[str, Any]:
    """The event as JSON, with `number` and `hash` of its seal (annotated by selectors.events)."""
    deployment = known.get(event.deployment_id) if event.deployment_id else None
    sealed: Any = event
    return {
        "number": sealed.number,
        "id": str(event.id),
        "at": event.at.isoformat(),
        "actor_kind": event.actor_kind,
        "actor_id": str(event.actor_id) if event.actor_id else None,
        "actor": event.actor_label,
        "address": event.address,
        "action": event.action,
        "target_kind": event.target_kind,
        "target_id": event.target_id,
        "target": event.target_label,
        # The name now; the id of one that is gone.
        "deployment": deployment.name if deployment else str(event.deployment_id) if event.deployment_id else None,
        "result": event.result,
        "reason": event.reason,
        "before": event.before,
        "after": event.after,
        "hash": bytes(sealed.hash).hex() if sealed.hash is not None else None,
    }


def as_jsonl(batches: Iterable[list[AuditEvent]], known: dict[UUID, NamedPlace]) -> Iterator[bytes]:
    """One JSON document in a line for each event."""
    for batch in batches:
        yield b"".join(msgspec.json.encode(document(event, known)) + b"\n" for event in batch)


def as_csv(batches: Iterable[list[AuditEvent]], known: dict[UUID, NamedPlace]) -> Iterator[bytes]:
    """A table with a heading; `before` and `after` are JSON in a cell, and no cell is a formula."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    for batch in batches:
        text = io.StringIO()
        csv.writer(text).writerows([_cell(value) for value in document(event, known).values()] for event in batch)
        yield text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
