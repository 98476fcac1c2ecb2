"""The one deployment that a read may see, and the forms in which its answers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from controlplane.catalog import event_order
from controlplane.catalog.models import AssetEvent
from controlplane.definitions.asset_keys import to_text
from controlplane.runs import event_bounds
from controlplane.runs.models import Run

# User code may ask for everything; what does not fit a request is had page by page.
PAGE_MAX = 1000
KEYS_MAX = 200_000


class Arguments(msgspec.Struct, frozen=True):
    """Base of the arguments of every method."""


@dataclass(frozen=True)
class Scope:
    """Organization, deployment, and the run that asks (none for a call)."""

    org_id: UUID
    deployment_id: UUID
    run_id: UUID | None = None

    @classmethod
    def of_run(cls, org_id: UUID, run_id: UUID) -> "Scope":
        deployment_id = Run.objects.for_org(org_id).values_list("deployment_id", flat=True).get(id=run_id)
        return cls(org_id, deployment_id, run_id)

    def rows(self, model: Any) -> QuerySet[Any]:
        """Rows of a table that belong to this deployment."""
        found: QuerySet[Any] = model.objects.for_org(self.org_id).filter(deployment_id=self.deployment_id)
        return found

    def events(self, kind: str, asset: Sequence[str]) -> "QuerySet[AssetEvent]":
        return self.rows(AssetEvent).filter(kind=kind, asset_key=key_text(asset))

    def settled(self, after_id: int | None = None) -> dict[str, int]:
        """A filter for ids of events whose reader goes on behind them: a tick does, and who begins after one. A run does not wait for others."""
        if self.run_id is not None and after_id is None:
            return {}
        return {"id__lte": event_order.settled(self.org_id)}


def key_text(path: Sequence[str]) -> str:
    """An asset's path as it is stored."""
    return event_bounds.key(to_text(list(path)))


def record(event_id: int | None, serdes: str) -> dict[str, Any] | None:
    """A Record, or None where dagster's own form of the event was not kept."""
    return {"id": event_id, "serdes": serdes} if event_id is not None and serdes else None


def page_size(limit: int | None) -> int:
    return PAGE_MAX if limit is None else max(1, min(limit, PAGE_MAX))


def between(column: str, after: float | None, before: float | None) -> dict[str, Any]:
    """Exclusive bounds as filters."""
    bounds = {f"{column}__gt": after, f"{column}__lt": before}
    return {name: value for name, value in bounds.items() if value is not None}
