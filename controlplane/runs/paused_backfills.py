"""Which backfills are paused: their queued runs wait until they are resumed. Who has backfills, above this layer, registers where to ask."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from controlplane.runs.requests import BACKFILL_TAG


@dataclass(frozen=True)
class PausedBackfill:
    """One that is paused; `by` is who did, as people are shown it."""

    deployment_id: UUID
    backfill_id: UUID
    by: str

    @property
    def pair(self) -> str:
        """The tag of its runs, as the queue's question has it."""
        return f"{BACKFILL_TAG}={self.backfill_id}"


# Of these deployments of an organization; called inside org_scope, at each claim.
Source = Callable[[UUID, Collection[UUID]], Iterable[PausedBackfill]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask here too."""
    _sources.append(source)


def paused_backfills(org_id: UUID, deployment_ids: Iterable[UUID]) -> dict[UUID, dict[str, PausedBackfill]]:
    """By deployment and by the backfill's id as text. Call it inside org_scope."""
    wanted, found = list(deployment_ids), dict[UUID, dict[str, PausedBackfill]]()
    for source in _sources:
        for one in source(org_id, wanted):
            found.setdefault(one.deployment_id, {})[str(one.backfill_id)] = one
    return found
