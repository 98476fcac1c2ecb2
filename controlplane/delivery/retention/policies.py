"""What every deployment of the installation keeps, and how far its history has been deleted already."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from controlplane.core.old_partitions import week_of
from controlplane.deployments.models import Deployment, DeploymentKind, RetentionMark
from controlplane.deployments.retention import kept_days
from controlplane.deployments.settings_document import RETAINED

# Between the clocks of whoever wrote history and the database's.
_SLACK = datetime.timedelta(days=1)
_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Policy:
    """One deployment. `bounds`: history of the kind before this beginning of a week is not needed; no bound keeps it for ever."""

    org_id: UUID
    deployment_id: UUID
    created_at: datetime.datetime
    bounds: Mapping[str, datetime.datetime | None]
    marks: Mapping[str, datetime.datetime]
    # When each kind had its last turn.
    served: Mapping[str, datetime.datetime]

    def needs(self, kind: str, until: datetime.datetime) -> bool:
        """Whether history of the kind is kept that ends at this moment."""
        bound = self.bounds[kind]
        return bound is None or bound < until

    def due(self, kind: str) -> tuple[datetime.datetime, datetime.datetime] | None:
        """From when to when history has to go still; None for nothing."""
        bound, low = self.bounds[kind], self.marks.get(kind, self.created_at - _SLACK)
        return (low, bound) if bound is not None and low < bound else None

    def served_at(self, kind: str) -> datetime.datetime:
        """When history of the kind was deleted last, or looked for; never is long ago."""
        return self.served.get(kind, _NEVER)


def policies() -> list[Policy]:
    """Of every deployment of the installation."""
    fields = ("org_id", "id", "parent_id", "kind", "settings", "created_at")
    rows = list(Deployment.objects.across_orgs(reason="how long history is kept").values_list(*fields))
    settings = {row[1]: row[4] for row in rows}
    marks, served = dict[UUID, dict[str, datetime.datetime]](), dict[UUID, dict[str, datetime.datetime]]()
    done = RetentionMark.objects.across_orgs(reason="how far history was deleted")
    for deployment_id, kind, before, at in done.values_list("deployment_id", "kind", "before", "updated_at"):
        marks.setdefault(deployment_id, {})[kind] = before
        served.setdefault(deployment_id, {})[kind] = at
    now = timezone.now()
    return [
        Policy(
            org_id,
            deployment_id,
            created_at,
            _bounds(settings.get(parent_id, own) if parent_id else own, kind == DeploymentKind.BRANCH, now),
            marks.get(deployment_id, {}),
            served.get(deployment_id, {}),
        )
        for org_id, deployment_id, parent_id, kind, own, created_at in rows
    ]


def _bounds(
    settings: Mapping[str, Any], is_branch: bool, now: datetime.datetime
) -> dict[str, datetime.datetime | None]:
    days = {kind: kept_days(settings, kind, is_branch=is_branch) for kind in RETAINED}
    bounds = {kind: week_of(now - datetime.timedelta(days=kept)) if kept else None for kind, kept in days.items()}
    # Events and output go with their run at the latest.
    for kind in ("events", "logs"):
        known = [bound for bound in (bounds[kind], bounds["runs"]) if bound is not None]
        bounds[kind] = max(known, default=None)
    return bounds
