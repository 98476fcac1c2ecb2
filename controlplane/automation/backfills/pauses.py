"""Tells the queue which backfills are paused."""

from collections.abc import Collection, Iterator
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.paused_backfills import PausedBackfill

# The index backfill_paused has these alone: every claim of every agent asks.
_PAUSED = """
    SELECT deployment_id, id, paused_by FROM backfill WHERE org_id = %s AND deployment_id = ANY(%s) AND is_paused
"""


def paused(org_id: UUID, deployment_ids: Collection[UUID]) -> Iterator[PausedBackfill]:
    """Of these deployments. Call it inside org_scope."""
    for row in recordsets.fetch(_PAUSED, [org_id, list(deployment_ids)]):
        yield PausedBackfill(*row)
