"""Partitions of checks that runs of a range of partitions are to evaluate. Dagster notes each when the run is requested; here the ends that
the run is tagged with say them, by the partitions of the check now.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.catalog import current_partitions
from controlplane.core import recordsets
from controlplane.deployments import selectors as deployments
from controlplane.runs import labels
from controlplane.runs.instance_scope import Scope
from controlplane.runs.requests import RANGE_END_TAG, RANGE_START_TAG

# The newest first: a later plan of a partition takes the place of an earlier one.
_RANGES = """
    SELECT l.label, r.id, r.created_at, r.tags ->> %(start)s, r.tags ->> %(end)s
    FROM run_label l JOIN run r ON r.org_id = l.org_id AND r.id = l.run_id
    WHERE l.org_id = %(org)s AND l.deployment_id = %(deployment)s AND l.label = ANY(%(labels)s)
      AND r.partition_key IS NULL AND r.tags ? %(start)s AND r.tags ? %(end)s
    ORDER BY r.created_at DESC, r.id DESC
"""


@dataclass(frozen=True)
class PlannedPartition:
    """One partition of a check `asset:name` that a run is to evaluate."""

    check: str
    partition: str
    run_id: UUID
    at: datetime.datetime

    def row(self) -> dict[str, Any]:
        asset, _, name = self.check.rpartition(":")
        return {"asset": asset, "name": name, "partition": self.partition, "run_id": self.run_id, "at": self.at}


def planned_partitions(scope: Scope, checks: Sequence[str], wanted: Sequence[str] | None) -> list[PlannedPartition]:
    """By the newest run of each partition, of those that are `wanted`. Call it inside org_scope."""
    by_label = {labels.check(check): check for check in checks}
    asked = {"org": scope.org_id, "deployment": scope.deployment_id, "labels": list(by_label)}
    ranges = recordsets.fetch(_RANGES, {**asked, "start": RANGE_START_TAG, "end": RANGE_END_TAG})
    if not ranges:
        return []
    keys = _partitions(scope, {by_label[label] for label, *_ in ranges})
    among = None if wanted is None else frozenset(wanted)
    found: dict[tuple[str, str], PlannedPartition] = {}
    for label, run_id, at, start, end in ranges:
        check = by_label[label]
        for partition in _between(keys.get(check), start, end):
            if (check, partition) not in found and (among is None or partition in among):
                found[check, partition] = PlannedPartition(check, partition, run_id, at)
    return list(found.values())


def _partitions(scope: Scope, checks: set[str]) -> Mapping[str, current_partitions.Partitions]:
    """Of those that have partitions."""
    definitions = deployments.definitions(scope.org_id, scope.deployment_id)
    found = {}
    for text in checks & definitions.check_locations.keys():
        location = definitions.location(definitions.check_locations[text])
        definition = location.checks[text].partitions
        if definition is not None:
            found[text] = current_partitions.partitions(
                scope.org_id, scope.deployment_id, location.manifest, definition
            )
    return found


def _between(keys: current_partitions.Partitions | None, start: str, end: str) -> Sequence[str]:
    """None where the definition has no such range any more: nobody can say then what the run is about to evaluate."""
    try:
        return keys.between(start, end) if keys is not None else []
    except ValueError:
        return []
