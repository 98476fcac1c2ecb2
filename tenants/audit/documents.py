"""An event as a document: the one form in which it leaves, by the API, in exports and on streams."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
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
    "hash",
    "before",
    "after",
)
# A cell that begins like this is a formula to spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def named_places(org_id: UUID) -> dict[UUID, NamedPlace]:
    """The organization's deployments, to name those of events."""
    with org_scope(org_id):
        return places(org_id)


def document(event: AuditEvent, known: dict[UUID, NamedPlace]) -> dict[str, Any]:
    """The event as JSON, with `number` and `hash` of its seal (annotated by selectors.events)."""
    return {**_plain(vars(event), known), "before": event.before, "after": event.after}


def as_jsonl(batches: Iterable[list[dict[str, Any]]], known: dict[UUID, NamedPlace]) -> Iterator[bytes]:
    """One JSON document in a line for each event of selectors.export."""
    for batch in batches:
        yield b"".join(_ENCODER.encode(_raw(row, known)) + b"\n" for row in batch)


def as_csv(batches: Iterable[list[dict[str, Any]]], known: dict[UUID, NamedPlace]) -> Iterator[bytes]:
    """A table with a heading; `before` and `after` are JSON in a cell, and no cell is a formula."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    for batch in batches:
        text = io.StringIO()
        csv.writer(text).writerows(_cells(row, known) for row in batch)
        yield text.getvalue().encode()


_ENCODER = msgspec.json.Encoder()


def _plain(row: Mapping[str, Any], known: dict[UUID, NamedPlace]) -> dict[str, Any]:
    """Every part but `before` and `after`, in the order of COLUMNS."""
    deployment_id = row["deployment_id"]
    deployment = known.get(deployment_id) if deployment_id else None
    return {
        "number": row["number"],
        "id": str(row["id"]),
        "at": row["at"].isoformat(),
        "actor_kind": row["actor_kind"],
        "actor_id": str(row["actor_id"]) if row["actor_id"] else None,
        "actor": row["actor_label"],
        "address": row["address"],
        "action": row["action"],
        "target_kind": row["target_kind"],
        "target_id": row["target_id"],
        "target": row["target_label"],
        # The name now; the id of one that is gone.
        "deployment": deployment.name if deployment else str(deployment_id) if deployment_id else None,
        "result": row["result"],
        "reason": row["reason"],
        "hash": bytes(row["hash"]).hex() if row["hash"] is not None else None,
    }


def _raw(row: Mapping[str, Any], known: dict[UUID, NamedPlace]) -> dict[str, Any]:
    texts = {name: row[f"{name}_text"] for name in ("before", "after")}
    raw = {name: msgspec.Raw(text.encode()) if text is not None else None for name, text in texts.items()}
    return {**_plain(row, known), **raw}


def _cells(row: Mapping[str, Any], known: dict[UUID, NamedPlace]) -> list[str]:
    parts = {**_plain(row, known), "before": row["before_text"], "after": row["after_text"]}
    return [_cell(value) for value in parts.values()]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
