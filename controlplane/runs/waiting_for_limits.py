"""Which limit by tag or pool, or paused backfill, keeps a queued run waiting, in words, and who has what it waits for."""

from collections.abc import Iterable
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.limit_usage import UNDER_WAY, Block, Needs, usage
from controlplane.runs.models import Run
from controlplane.runs.waiting_codes import WaitingCode, WaitingReason

_SHOWN = 5
_TAGGED = f"""
    SELECT id FROM run WHERE org_id = %s AND deployment_id = %s AND status IN {UNDER_WAY}
      AND tags ? %s AND (%s::text IS NULL OR tags ->> %s = %s::text) ORDER BY id LIMIT {_SHOWN}
"""  # noqa: S608 - the parts are SQL of ours
_POOLED = f"""
    SELECT id FROM run r WHERE r.org_id = %s AND r.deployment_id = %s AND r.status IN {UNDER_WAY} AND (r.gate_pools ? %s OR EXISTS (
        SELECT 1 FROM pool_slot s WHERE s.org_id = r.org_id AND s.run_id = r.id AND s.pool = %s AND s.claimed_at IS NOT NULL))
    ORDER BY id LIMIT {_SHOWN}
"""  # noqa: S608 - as above


class LimitReasons:
    """Of runs of these deployments; what each limit is used for is asked once. Use it inside org_scope."""

    def __init__(self, org_id: UUID, deployment_ids: Iterable[UUID]) -> None:
        self.org_id = org_id
        self.usage = usage(org_id, deployment_ids)
        self._holders: dict[tuple[UUID, str, str | None], tuple[UUID, ...]] = {}

    def pause(self, run: Run) -> WaitingReason | None:
        """None when its backfill, if it is of one, is not paused."""
        found = self.usage.pause(run.deployment_id, run.tags)
        if found is None:
            return None
        message = f"Waiting because its backfill is paused by {found.by}. It may start once that is resumed."
        return WaitingReason(WaitingCode.BACKFILL_PAUSED, message, backfill_id=found.backfill_id)

    def reason(self, run: Run) -> WaitingReason | None:
        """None when none of these limits stands in the way."""
        block = self.usage.block(Needs(run.deployment_id, run.tags, run.pools, run.gate_pools))
        if block is None:
            return None
        holders = self._holders_of(run, block)
        if block.pool is not None:
            # More than the limit: runs that stand by for their steps' turns, as the settings let them.
            used = f"{block.used} of {block.limit}" if block.used <= block.limit else f"{block.limit} of {block.limit}"
            message = f"Waiting because {used} slots of the pool {block.pool} are taken."
            return WaitingReason(WaitingCode.POOL_LIMIT, message, holders=holders)
        if block.limit == 0:
            message = (
                f"Waiting because no run with the tag {block.name} may start: its limit in tag_concurrency_limits is 0."
            )
        else:
            message = f"Waiting because {block.used} of {block.limit} runs with the tag {block.name} go on."
        return WaitingReason(WaitingCode.TAG_LIMIT, message, holders=holders)

    def _holders_of(self, run: Run, block: Block) -> tuple[UUID, ...]:
        place = (run.deployment_id, block.name, block.pool)
        if place not in self._holders:
            self._holders[place] = tuple(row[0] for row in self._fetch(run, block))
        return self._holders[place]

    def _fetch(self, run: Run, block: Block) -> list[tuple[UUID]]:
        if block.tag is None:
            return recordsets.fetch(_POOLED, [self.org_id, run.deployment_id, block.pool, block.pool])
        key = block.tag.key
        value = run.tags[key] if block.tag.counts(run.tags[key]) else None
        return recordsets.fetch(_TAGGED, [self.org_id, run.deployment_id, key, value, key, value])
