"""Where each condition of a deployment is: dagster's cursors, when it is due, and its fault. Read and stored in the caller's transaction."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

import structlog
from dagster._core.definitions.asset_key import EntityKey
from dagster._core.definitions.declarative_automation.serialized_objects import AutomationConditionCursor
from dagster._serdes import deserialize_value
from django.db.models import QuerySet

from controlplane.automation.models import ConditionState
from controlplane.evaluator.conditions.selective import Cursor, Evaluated, LoadCursors
from controlplane.evaluator.entities import entity_of

log = structlog.get_logger(__name__)

# A condition that failed is tried again when the definitions change, and otherwise after this.
RETRY = datetime.timedelta(hours=1)
_ERROR_CHARS = 4000


def cursors(org_id: UUID, deployment_id: UUID) -> LoadCursors:
    """Reads the cursors of these keys; one that cannot be read any more is none, as dagster has it for a new condition."""

    def load(keys: Iterable[EntityKey]) -> Mapping[EntityKey, Cursor]:
        by_text = {entity_of(key): key for key in keys}
        rows = _rows(org_id, deployment_id).filter(entity__in=list(by_text)).exclude(cursor="")
        found = {}
        for entity, cursor in rows.values_list("entity", "cursor"):
            try:
                found[by_text[entity]] = deserialize_value(cursor, AutomationConditionCursor)
            except Exception as error:  # noqa: BLE001 - written by another dagster; whatever it raises
                log.warning("conditions.cursor_unreadable", entity=entity, error=str(error)[:300])
        return found

    return load


def due(org_id: UUID, deployment_id: UUID, eligible: Mapping[str, EntityKey], now: datetime.datetime) -> set[EntityKey]:
    """Those whose moment has come, and those that were never evaluated."""
    known = dict(_rows(org_id, deployment_id).values_list("entity", "next_due_at"))
    return {
        key for text, key in eligible.items() if text not in known or ((at := known[text]) is not None and at <= now)
    }


def store(
    org_id: UUID,
    deployment_id: UUID,
    *,
    number: int,
    now: datetime.datetime,
    evaluated: Evaluated,
    moments: Mapping[EntityKey, datetime.datetime | None],
) -> None:
    """Keep the new cursors, when who is due, and who failed."""
    shared = {"org_id": org_id, "deployment_id": deployment_id, "evaluated_at": now, "number": number}
    moved = [
        ConditionState(entity=entity_of(key), cursor=outcome.cursor, next_due_at=moments.get(key), **shared)
        for key, outcome in evaluated.outcomes.items()
    ]
    _upsert(moved, ["cursor", "evaluated_at", "number", "next_due_at", "error", "failed_at"])
    failed = [
        ConditionState(
            entity=entity_of(key), cursor="", next_due_at=now + RETRY, error=error_of(error), failed_at=now, **shared
        )
        for key, error in evaluated.errors.items()
    ]
    # The cursor stays: it goes on from there once it can be evaluated.
    _upsert(failed, ["evaluated_at", "number", "next_due_at", "error", "failed_at"])
    _bring_forward(org_id, deployment_id, {key: moments[key] for key in moments.keys() - evaluated.outcomes.keys()})


def _bring_forward(org_id: UUID, deployment_id: UUID, moments: Mapping[EntityKey, datetime.datetime | None]) -> None:
    """Others, who look at what was requested, are due no later than this."""
    by_moment: dict[datetime.datetime, list[str]] = defaultdict(list)
    for key, moment in moments.items():
        if moment is not None:
            by_moment[moment].append(entity_of(key))
    for moment, entities in by_moment.items():
        rows = _rows(org_id, deployment_id).filter(entity__in=entities)
        rows.exclude(next_due_at__lte=moment).update(next_due_at=moment)


def forget(org_id: UUID, deployment_id: UUID, conditioned: Iterable[str]) -> None:
    """Those that have no condition any more begin anew if they get one again."""
    _rows(org_id, deployment_id).exclude(entity__in=list(conditioned)).delete()


def next_due(org_id: UUID, deployment_id: UUID, eligible: AbstractSet[str]) -> datetime.datetime | None:
    """The first moment that any of these waits for."""
    # Asked of the database, a thousand names would travel there each time; few wait for a moment, mostly.
    rows = _rows(org_id, deployment_id).filter(next_due_at__isnull=False).order_by("next_due_at")
    waiting = rows.values_list("entity", "next_due_at")
    return next((moment for entity, moment in waiting if entity in eligible), None)


def error_of(error: BaseException) -> dict[str, object]:
    """agent.protocol.ErrorInfo as JSON, with what dagster put around it taken off."""
    cause = error.__cause__ or error
    return {"cls": type(cause).__name__, "message": str(cause)[:_ERROR_CHARS], "stack": []}


def errors(org_id: UUID, deployment_id: UUID, entities: Iterable[str]) -> dict[str, object]:
    """What these failed with last, of those that did."""
    rows = _rows(org_id, deployment_id).filter(entity__in=list(entities), error__isnull=False)
    return dict(rows.values_list("entity", "error"))


def _upsert(rows: list[ConditionState], fields: list[str]) -> None:
    ConditionState.unscoped.bulk_create(
        rows, batch_size=1000, update_conflicts=True, unique_fields=["deployment_id", "entity"], update_fields=fields
    )


def _rows(org_id: UUID, deployment_id: UUID) -> QuerySet[ConditionState]:
    return ConditionState.objects.for_org(org_id).filter(deployment_id=deployment_id)
