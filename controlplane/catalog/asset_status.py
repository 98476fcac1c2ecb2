"""What state an asset or a partition is in, judged from its latest ids. Pure."""

from collections.abc import Container
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class AssetStatus(StrEnum):
    """Where an asset or a partition stands. Whether it is in sync with its code and inputs is told apart from this (staleness.py)."""

    MATERIALIZED = "materialized"
    FAILED = "failed"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    MISSING = "missing"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    AssetStatus.MATERIALIZED: "Materialized",
    AssetStatus.FAILED: "Failed",
    AssetStatus.QUEUED: "Queued",
    AssetStatus.IN_PROGRESS: "In progress",
    AssetStatus.MISSING: "Missing",
}


class Latest(Protocol):
    """What AssetState and PartitionState have in common."""

    materialization_id: int | None
    planned_id: int | None
    planned_run_id: UUID | None
    failed_run_id: UUID | None


def status_of(latest: Latest | None, queued: Container[UUID] = ()) -> AssetStatus:
    """A plan newer than the last materialization is in progress, until its run failed; it only waits while its run is `queued`."""
    if latest is None:
        return AssetStatus.MISSING
    if latest.failed_run_id is not None:
        return AssetStatus.FAILED
    if (latest.planned_id or 0) > (latest.materialization_id or 0):
        return AssetStatus.QUEUED if latest.planned_run_id in queued else AssetStatus.IN_PROGRESS
    return AssetStatus.MATERIALIZED if latest.materialization_id is not None else AssetStatus.MISSING
