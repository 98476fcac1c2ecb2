"""The limits that a deployment sets for its runs: by tags, by concurrency pools. Those of a branch are its parent's, counted by itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.settings_document import (
    POOL_DEFAULT_LIMIT_PATH,
    POOL_GRANULARITY_PATH,
    POOL_RUN_BUFFER_PATH,
    TAG_LIMITS_PATH,
    value_at,
)

_SETTINGS = """
    SELECT d.id, coalesce(p.settings, d.settings) -> 'concurrency', coalesce(d.parent_id, d.id)
    FROM deployment d LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
    WHERE d.org_id = %s AND d.id = ANY(%s)
"""
_POOLS = (
    "SELECT deployment_id, name, slots FROM pool WHERE org_id = %s AND deployment_id = ANY(%s) AND slots IS NOT NULL"
)


@dataclass(frozen=True)
class TagLimit:
    """At most so many runs with a tag: with any value together, with this value, or with each value by itself."""

    key: str
    limit: int
    value: str | None = None
    per_value: bool = False

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "TagLimit":
        value = stored.get("value")
        per_value = isinstance(value, Mapping) and bool(value.get("applyLimitPerUniqueValue"))
        return cls(stored["key"], stored["limit"], value if isinstance(value, str) else None, per_value)

    def counts(self, value: str) -> str | None:
        """Under what runs with this value of the tag are counted together (empty: all of them); None when the limit is not about them."""
        if self.per_value or self.value is not None:
            return value if self.per_value or value == self.value else None
        return ""

    def words(self, value: str) -> str:
        """`team=data`, or `team` where its value does not matter."""
        return f"{self.key}={value}" if self.per_value or self.value is not None else self.key


@dataclass(frozen=True)
class Limits:
    """Of one deployment. A pool without a limit of its own has the default, and without that none."""

    tags: tuple[TagLimit, ...] = ()
    own_pools: Mapping[str, int] = field(default_factory=dict)
    default_pool: int | None = None
    by_run: bool = False
    run_buffer: int = 0

    def of_pool(self, name: str) -> int | None:
        return self.own_pools.get(name, self.default_pool)

    @property
    def has_pools(self) -> bool:
        return self.default_pool is not None or bool(self.own_pools)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(limit.key for limit in self.tags)


NONE = Limits()


def limits_of(org_id: UUID, deployment_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """By deployment. Call it inside org_scope."""
    rows = list(recordsets.fetch(_SETTINGS, [org_id, list(deployment_ids)]))
    own: dict[UUID, dict[str, int]] = {}
    for deployment_id, name, slots in recordsets.fetch(_POOLS, [org_id, [row[2] for row in rows]]) if rows else ():
        own.setdefault(deployment_id, {})[name] = slots
    return {
        id_: _parsed({"concurrency": json.loads(settings or "{}")}, own.get(holder, {}))
        for id_, settings, holder in rows
    }


def _parsed(settings: Mapping[str, Any], own_pools: Mapping[str, int]) -> Limits:
    return Limits(
        tags=tuple(TagLimit.parse(stored) for stored in value_at(settings, TAG_LIMITS_PATH) or ()),
        own_pools=own_pools,
        default_pool=value_at(settings, POOL_DEFAULT_LIMIT_PATH),
        by_run=value_at(settings, POOL_GRANULARITY_PATH) == "run",
        run_buffer=value_at(settings, POOL_RUN_BUFFER_PATH) or 0,
    )
