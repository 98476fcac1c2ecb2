"""What other slices hand to the projections: one asset event, one check evaluation."""

import datetime
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.catalog.models import AssetEventKind


@dataclass(slots=True)
class AssetEventRow:
    """One event of one asset; `at` is the child's clock. The projections give it its id."""

    kind: AssetEventKind
    deployment_id: UUID
    asset_key: str
    partition_key: str | None
    run_id: UUID | None
    at: datetime.datetime
    step_key: str | None = None
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    serdes: str = ""
    id: int = 0


@dataclass(slots=True)
class CheckRow:
    """One evaluation of one asset check."""

    deployment_id: UUID
    asset_key: str
    check_name: str
    partition_key: str | None
    run_id: UUID | None
    at: datetime.datetime
    passed: bool
    severity: str
    step_key: str | None = None
    blocking: bool = False
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    target_run_id: UUID | None = None
    target_event_id: int | None = None
    serdes: str = ""
    id: int = 0
