"""How much of each limit is used, which runs it keeps waiting, and which wait because their backfill is paused."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.limits import NONE, Limits, TagLimit, limits_of
from controlplane.runs.paused_backfills import PausedBackfill, paused_backfills
from controlplane.runs.requests import BACKFILL_TAG

UNDER_WAY = "('STARTING', 'STARTED', 'CANCELING')"
# Those runs, as `r`. Each status by itself and in the order of the index of active runs: inside `in_index_order` no
# queue, however new, is gone through for them.
RUNS_UNDER_WAY = """
    unnest(ARRAY['STARTING', 'STARTED', 'CANCELING']) AS one(status) CROSS JOIN LATERAL (
        SELECT a.deployment_id, a.share, a.agent_id, a.tags, a.gate_pools FROM run a
        WHERE a.org_id = %(org)s AND a.status = one.status AND a.status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING')
        ORDER BY a.updated_at OFFSET 0
    ) r
"""
_TAGS = f"""
    SELECT r.deployment_id, k.key, r.tags ->> k.key, count(*)
    FROM {RUNS_UNDER_WAY} JOIN jsonb_to_recordset(%(keys)s::jsonb) AS k(deployment_id uuid, key text)
      ON k.deployment_id = r.deployment_id AND r.tags ? k.key
    GROUP BY 1, 2, 3
"""  # noqa: S608 - the parts are SQL of this file
_SLOTS = """
    SELECT deployment_id, pool, count(*) FROM pool_slot
    WHERE org_id = %s AND deployment_id = ANY(%s) AND claimed_at IS NOT NULL GROUP BY 1, 2
"""
_GATED = f"""
    SELECT r.deployment_id, p.pool, count(*) FROM {RUNS_UNDER_WAY}, jsonb_array_elements_text(r.gate_pools) AS p(pool)
    WHERE r.deployment_id = ANY(%(deployments)s) AND r.gate_pools <> '[]' GROUP BY 1, 2
"""  # noqa: S608 - as above
_WANTED = """
    SELECT DISTINCT jsonb_array_elements_text(pools || gate_pools) FROM run
    WHERE org_id = %s AND deployment_id = %s AND status = 'QUEUED' AND (pools || gate_pools) <> '[]'
"""


@dataclass(frozen=True)
class Block:
    """A limit that keeps a run waiting: of a tag (in words: `team=data`), or of a pool."""

    name: str
    used: int
    limit: int
    tag: TagLimit | None = None
    pool: str | None = None


@dataclass(frozen=True)
class Needs:
    """What of a run limits are about."""

    deployment_id: UUID
    tags: Mapping[str, str]
    pools: list[str]
    gate_pools: list[str]


@dataclass
class Usage:
    """Counts by deployment; `take` counts a run that was just admitted."""

    limits: dict[UUID, Limits]
    tags: Counter[tuple[UUID, str, str]] = field(default_factory=Counter)
    slots: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    gated: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    # Pools that queued runs name, of deployments whose pools have no slots unless somebody says so.
    wanted: dict[UUID, set[str]] = field(default_factory=dict)
    paused: dict[UUID, dict[str, PausedBackfill]] = field(default_factory=dict)

    def block(self, needs: Needs) -> Block | None:
        """The first limit that keeps it waiting."""
        limits = self.limits.get(needs.deployment_id, NONE)
        return self._tag_block(limits, needs) or self._pool_block(limits, needs)

    def pause(self, deployment_id: UUID, tags: Mapping[str, str]) -> PausedBackfill | None:
        """The paused backfill that a run with these tags is of."""
        return self.paused.get(deployment_id, {}).get(tags.get(BACKFILL_TAG, ""))

    def _tag_block(self, limits: Limits, needs: Needs) -> Block | None:
        for limit in limits.tags:
            value = needs.tags.get(limit.key)
            counted = None if value is None else limit.counts(value)
            if value is not None and counted is not None:
                used = self._used(needs.deployment_id, limit, counted)
                if used >= limit.limit:
                    return Block(limit.words(value), used, limit.limit, tag=limit)
        return None

    def _used(self, deployment_id: UUID, limit: TagLimit, counted: str) -> int:
        if counted or limit.per_value or limit.value is not None:
            return self.tags[deployment_id, limit.key, counted]
        return sum(count for (of, key, _), count in self.tags.items() if of == deployment_id and key == limit.key)

    def _pool_block(self, limits: Limits, needs: Needs) -> Block | None:
        """A run that holds its pools waits for each of them; one whose steps do only while all are full, and enough runs stand by."""
        if limits.by_run:
            return next((block for pool in needs.pools if (block := self._full(limits, needs, pool))), None)
        blocks = [self._full(limits, needs, pool) for pool in needs.gate_pools]
        return blocks[0] if blocks and all(blocks) else None

    def _full(self, limits: Limits, needs: Needs, pool: str) -> Block | None:
        limit, place = limits.of_pool(pool), (needs.deployment_id, pool)
        if limit is None:
            return None
        # Runs that are on their way to the pool count as if they had their slot.
        used = self.slots[place] if limits.by_run else max(self.slots[place], self.gated[place])
        most = limit if limits.by_run else limit + limits.run_buffer
        return Block(pool, used, limit, pool=pool) if used >= most else None

    def take(self, needs: Needs) -> None:
        limits = self.limits.get(needs.deployment_id, NONE)
        for key in limits.keys & needs.tags.keys():
            self.tags[needs.deployment_id, key, needs.tags[key]] += 1
        for pool in needs.pools if limits.by_run else ():
            self.slots[needs.deployment_id, pool] += 1
        for pool in needs.gate_pools:
            self.gated[needs.deployment_id, pool] += 1

    def closed(self, deployment_id: UUID) -> dict[str, Any]:
        """What no run of the deployment gets past now: tags with any value, tags with a value (`key=value`), pools."""
        limits = self.limits.get(deployment_id, NONE)
        keys, paired, pairs = set[str](), set[str](), set[str]()
        for limit in limits.tags:
            if limit.per_value and limit.limit > 0:
                of_key = [value for (of, key, value) in self.tags if of == deployment_id and key == limit.key]
                paired.add(limit.key)
                pairs |= {
                    f"{limit.key}={value}"
                    for value in of_key
                    if self.tags[deployment_id, limit.key, value] >= limit.limit
                }
            elif self._used(deployment_id, limit, limit.value or "") >= limit.limit:
                if limit.per_value or limit.value is None:
                    keys.add(limit.key)
                else:
                    paired.add(limit.key)
                    pairs.add(limit.words(limit.value))
        if stopped := self.paused.get(deployment_id):
            paired.add(BACKFILL_TAG)
            pairs |= {one.pair for one in stopped.values()}
        names = {pool for of, pool in (*self.slots, *self.gated) if of == deployment_id} | set(limits.own_pools)
        names |= self.wanted.get(deployment_id, set())
        full = [pool for pool in names if self._full(limits, Needs(deployment_id, {}, [], []), pool)]
        return {
            "id": deployment_id,
            "keys": sorted(keys),
            "paired": sorted(paired) if pairs else [],
            "pairs": sorted(pairs),
            "pools": full if limits.by_run else [],
            "gates": [] if limits.by_run else full,
        }


def usage(org_id: UUID, deployment_ids: Iterable[UUID]) -> Usage:
    """Of these deployments. Call it inside org_scope."""
    limits = limits_of(org_id, deployment_ids)
    found = Usage(limits, paused=paused_backfills(org_id, limits))
    keys = [{"deployment_id": id_, "key": key} for id_, own in limits.items() for key in own.keys]
    if keys:
        rows = recordsets.fetch(_TAGS, {"org": org_id, "keys": recordsets.rows(keys)})
        found.tags.update({(id_, key, value): count for id_, key, value, count in rows})
    for id_ in (id_ for id_, own in limits.items() if own.default_pool == 0):
        found.wanted[id_] = {pool for (pool,) in recordsets.fetch(_WANTED, [org_id, id_])}
    pooled = [id_ for id_, own in limits.items() if own.has_pools]
    if pooled:
        found.slots.update({(id_, pool): count for id_, pool, count in recordsets.fetch(_SLOTS, [org_id, pooled])})
        gated = recordsets.fetch(_GATED, {"org": org_id, "deployments": pooled})
        found.gated.update({(id_, pool): count for id_, pool, count in gated})
    return found
