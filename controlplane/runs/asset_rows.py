"""From events about assets and checks to the rows that the catalog stores. What is malformed stays in the event log only."""

import datetime
from typing import Any
from uuid import UUID

from agent.protocol import Event
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.definitions import asset_keys
from controlplane.runs import event_bounds
from controlplane.runs.locking import LockedRun

_KINDS = {
    "ASSET_MATERIALIZATION": ("materialization", AssetEventKind.MATERIALIZATION),
    "ASSET_OBSERVATION": ("observation", AssetEventKind.OBSERVATION),
}


def from_event(run: LockedRun, event: Event, at: datetime.datetime) -> AssetEventRow | CheckRow | None:
    """The row of an ASSET_MATERIALIZATION, ASSET_OBSERVATION or ASSET_CHECK_EVALUATION."""
    return build(event, at, deployment_id=run.deployment_id, run_id=run.id)


def build(
    event: Event, at: datetime.datetime, *, deployment_id: UUID, run_id: UUID | None
) -> AssetEventRow | CheckRow | None:
    """As from_event; `run_id` is None for an event that user code reports outside any run."""
    name, kind = _KINDS.get(event.type, ("check", None))
    body = (event.data or {}).get(name)
    if not isinstance(body, dict):
        return None
    asset = asset_key(body.get("asset"))
    if asset is None:
        return None
    shared = {
        "deployment_id": deployment_id,
        "asset_key": asset,
        "partition_key": _key(body.get("partition")),
        "run_id": run_id,
        "at": at,
        "step_key": _key(event.step),
        "description": event_bounds.message(event_bounds.text_or_none(body.get("description")) or ""),
        "metadata": _bounded(body.get("metadata")),
        "serdes": _serdes(event),
    }
    if kind is not None:
        return AssetEventRow(kind=kind, tags=_bounded(body.get("tags")), **shared)
    return _check(body, shared)


def _check(body: dict[str, Any], shared: dict[str, Any]) -> CheckRow | None:
    name = _key(body.get("name"))
    if not name:
        return None
    target = _table(body.get("target"))
    return CheckRow(
        check_name=name,
        passed=body.get("passed") is True,
        severity=(event_bounds.text_or_none(body.get("severity")) or "ERROR")[:8],
        blocking=body.get("blocking") is True,
        target_run_id=_uuid(target.get("run_id")),
        target_event_id=event_bounds.integer(target.get("id"), most=event_bounds.INT8_MAX),
        **shared,
    )


def asset_key(parts: Any) -> str | None:
    """The user string of a key, or None when this is no key."""
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return None
    return event_bounds.key(asset_keys.to_text(parts))


def _serdes(event: Event) -> str:
    text = event.serdes or ""
    return text if len(text) <= event_bounds.SERDES_CHARS else ""


def _bounded(value: Any) -> Any:
    """JSON of a table, as it will be stored; an empty one for anything else."""
    table = _table(value)
    return event_bounds.detail(table) if table else {}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _key(value: Any) -> str | None:
    return event_bounds.key(value) if isinstance(value, str) else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None
