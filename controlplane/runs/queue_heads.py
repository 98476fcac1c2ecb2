"""The first runs of each queue that an agent could start: of each deployment, and in it of each share, what no full limit keeps waiting."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.models import DeploymentKind
from controlplane.fleet.models import Agent
from controlplane.runs.limit_usage import Needs
from controlplane.runs.room import LIMIT_OF_DEPLOYMENT
from controlplane.runs.turns import Candidate
from tenants.reach import covers_sql

# Each step asks the index for the next share: as many probes as there are shares, however many runs wait.
_SHARES = f"""
    WITH RECURSIVE lanes AS (
        SELECT d.id, d.kind, {LIMIT_OF_DEPLOYMENT} AS most, s.share FROM deployment d, LATERAL (
            SELECT r.share FROM run r WHERE r.org_id = %(org)s AND r.deployment_id = d.id AND r.status = 'QUEUED'
            ORDER BY r.share LIMIT 1) s
        WHERE d.org_id = %(org)s
        UNION ALL
        SELECT l.id, l.kind, l.most, s.share FROM lanes l, LATERAL (
            SELECT r.share FROM run r WHERE r.org_id = %(org)s AND r.deployment_id = l.id AND r.status = 'QUEUED' AND r.share > l.share
            ORDER BY r.share LIMIT 1) s
    )
    SELECT id, kind, share, most FROM lanes
"""  # noqa: S608 - the parts are SQL of this repository
# An agent gets nothing outside the reach of its token, and nothing at all with a dead one. One table below the LIMIT, in the order of its
# index: otherwise Postgres would rather sort the whole queue.
_HEADS = f"""
    SELECT q.id, q.location_id, q.version_id, q.priority, q.share, q.deployment_id,
           (SELECT jsonb_object_agg(k, q.tags -> k) FROM unnest(%(keys)s::text[]) k WHERE q.tags ? k), q.pools, q.gate_pools
    FROM jsonb_to_recordset(%(lanes)s::jsonb) AS lane(id uuid, share text, keys jsonb, paired jsonb, pairs jsonb, pools jsonb, gates jsonb)
    JOIN deployment d ON d.org_id = %(org)s AND d.id = lane.id
    JOIN api_token t ON t.org_id = d.org_id AND t.id = %(token)s AND t.revoked_at IS NULL
    CROSS JOIN LATERAL (SELECT
        ARRAY(SELECT jsonb_array_elements_text(lane.keys)) AS keys, ARRAY(SELECT jsonb_array_elements_text(lane.pools)) AS pools,
        ARRAY(SELECT jsonb_array_elements_text(lane.paired)) AS paired OFFSET 0) closed
    CROSS JOIN LATERAL (
        SELECT r.id, r.location_id, r.version_id, r.priority, r.share, r.deployment_id, r.tags, r.pools, r.gate_pools FROM run r
        WHERE r.org_id = %(org)s AND r.deployment_id = lane.id AND r.share = lane.share AND r.status = 'QUEUED'
          AND (r.location_id = ANY(%(locations)s::uuid[]) OR r.location_id <> ALL(%(known)s::uuid[]) AND r.version_id = ANY(%(loaded)s::uuid[]))
          AND r.queue = ANY(%(queues)s) AND {covers_sql(location="r.location_name", queue="r.queue")}
          AND (lane.keys = '[]' OR NOT r.tags ?| closed.keys) AND (lane.pools = '[]' OR NOT r.pools ?| closed.pools)
          AND (lane.gates = '[]' OR r.gate_pools = '[]' OR NOT r.gate_pools <@ lane.gates)
          AND (lane.pairs = '[]' OR NOT EXISTS (SELECT 1 FROM unnest(closed.paired) k WHERE lane.pairs ? (k || '=' || (r.tags ->> k))))
          AND r.id <> ALL(%(but)s::uuid[])
        ORDER BY r.share, r.priority DESC, r.id LIMIT %(page)s
    ) q
"""  # noqa: S608 - as above
_CURRENT = "SELECT id, current_id FROM code_location WHERE org_id = %s AND current_id IS NOT NULL"
_LOADED = "SELECT version_id FROM agent_location WHERE org_id = %s AND agent_id = %s AND state = 'loaded'"


@dataclass(frozen=True)
class Lane:
    """One share of one deployment's queue; `most` is what the deployment allows at once."""

    deployment_id: UUID
    kind: DeploymentKind
    share: str
    most: int | None


def lanes(org_id: UUID) -> list[Lane]:
    """All in which a run waits. Call it inside org_scope."""
    return [Lane(row[0], DeploymentKind(row[1]), *row[2:]) for row in recordsets.fetch(_SHARES, {"org": org_id})]


@dataclass(frozen=True)
class Served:
    """Which version each code location serves now, and which versions the agent has loaded.

    A run goes to the version its location serves now; where that is not known any more, to the one it was requested for.
    """

    current: Mapping[UUID, UUID]
    loaded: frozenset[UUID]


def served(org_id: UUID, agent_id: UUID) -> Served:
    """By one agent. Call it inside org_scope."""
    loaded = frozenset(version for (version,) in recordsets.fetch(_LOADED, [org_id, agent_id]))
    return Served(dict(recordsets.fetch(_CURRENT, [org_id])), loaded)


@dataclass(frozen=True)
class Heads:
    """What the first runs of lanes are asked for with: an agent and what it serves, and the tags that limits are about."""

    agent: Agent
    served: Served
    keys: frozenset[str]

    def read(self, places: Iterable[Mapping[str, Any]], *, but: Iterable[UUID], page: int) -> list[Candidate]:
        """Up to `page` runs of each place, which is a lane with what is closed in it. Call it inside org_scope."""
        current, loaded = self.served.current, self.served.loaded
        asked = {
            "org": self.agent.org_id,
            "token": self.agent.token_id,
            "queues": list(self.agent.queues),
            "known": list(current),
            "locations": [location for location, version in current.items() if version in loaded],
            "loaded": list(loaded),
            "lanes": recordsets.rows(list(places)),
            "keys": sorted(self.keys),
            "but": list(but),
            "page": page,
        }
        return [self._candidate(row) for row in recordsets.fetch(_HEADS, asked)]

    def _candidate(self, row: Sequence[Any]) -> Candidate:
        run_id, location_id, version_id, priority, share, deployment_id, tags, pools, gates = row
        needs = Needs(deployment_id, json.loads(tags or "{}"), json.loads(pools), json.loads(gates))
        return Candidate(run_id, self.served.current.get(location_id, version_id), priority, share, needs)
