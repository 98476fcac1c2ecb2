"""Which plans only wait, because their runs are in the queue still. Who has runs, above this layer, registers where to ask."""

from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from controlplane.catalog.asset_status import AssetStatus, Latest, status_of

# Which of these runs of an organization are in the queue; called inside org_scope.
Source = Callable[[UUID, Collection[UUID]], Iterable[UUID]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask here too."""
    _sources.append(source)


def queued_of(org_id: UUID, run_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of these runs that no agent took yet. Call it inside org_scope."""
    return frozenset(run_id for source in _sources if run_ids for run_id in source(org_id, run_ids))


def queued_plans(org_id: UUID, states: Iterable[Latest]) -> frozenset[UUID]:
    """The queued runs by which these states say that something is planned. Call it inside org_scope."""
    planned = {state.planned_run_id for state in states if status_of(state) == AssetStatus.IN_PROGRESS}
    return queued_of(org_id, {run_id for run_id in planned if run_id is not None})
