"""What a poll might find, asked in one statement: most polls find nothing, and thousands of them are held."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from controlplane.core import recordsets
from tenants.reach import Reach, covers_sql

# The fingerprint covers all that `selectors.desired` makes its answer of; versions themselves never change.
_OUTLOOK = f"""
    SELECT a.token_id, a.boot_id, a.queues,
        t.id IS NOT NULL AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()),
        EXISTS (SELECT FROM blocked_agent b WHERE b.org_id = a.org_id AND b.agent_id = a.id),
        t.reach, t.allowed_networks,
        EXISTS (SELECT FROM command c WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.state IN ('pending', 'leased')
                AND (c.state = 'pending' OR c.lease_until <= now())),
        EXISTS (SELECT FROM run r JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id
                WHERE r.org_id = a.org_id AND r.status = 'QUEUED' AND r.queue = ANY(a.queues)
                AND {covers_sql(location="r.location_name", queue="r.queue")}),
        coalesce(held.canceling, false),
        md5(concat_ws(';', held.versions,
            (SELECT string_agg(
                concat_ws(' ', l.id, l.desired_id,
                    CASE WHEN l.current_id <> l.desired_id AND h.state IS DISTINCT FROM 'loaded' THEN l.current_id END,
                    'e', (SELECT e.number FROM environment_revision e
                          WHERE e.org_id = l.org_id AND e.deployment_id = coalesce(d.parent_id, d.id))),
                ',' ORDER BY l.id)
             FROM code_location l JOIN deployment d ON d.org_id = l.org_id AND d.id = l.deployment_id
             LEFT JOIN agent_location h ON h.org_id = l.org_id AND h.agent_id = a.id AND h.version_id = l.desired_id
             WHERE l.org_id = a.org_id AND d.is_awake AND l.queue = ANY(a.queues) AND {covers_sql(location="l.name", queue="l.queue")}))),
        o.state = 'active', o.allowed_networks
    FROM agent a JOIN organization o ON o.id = a.org_id
    LEFT JOIN api_token t ON t.org_id = a.org_id AND t.id = a.token_id, LATERAL (
        SELECT bool_or(r.status = 'CANCELING') AS canceling,
            string_agg(DISTINCT r.version_id::text, ',') FILTER (WHERE r.status = 'STARTING' AND l.id IS NULL) AS versions
        FROM run r LEFT JOIN code_location l ON l.org_id = r.org_id AND l.desired_id = r.version_id
        WHERE r.org_id = a.org_id AND r.status IN ('STARTING', 'CANCELING') AND r.agent_id = a.id) held
    WHERE a.org_id = %s AND a.id = %s
"""  # noqa: S608 - the parts are SQL of this repository


@dataclass(frozen=True)
class Outlook:
    """What concerns one agent now."""

    token_id: UUID
    boot_id: str
    queues: list[str]
    is_token_live: bool
    is_blocked: bool
    reach: Reach
    token_networks: list[str]
    has_commands: bool
    has_queued: bool
    has_canceling: bool
    desired_etag: str
    # While the organization is not active, nothing new is launched.
    may_launch: bool
    allowed_networks: list[str]

    def is_idle(self, *, free_slots: int) -> bool:
        """Whether there is nothing to do for an agent with so many free slots; `slots` of them count."""
        return not (self.has_commands or self.has_canceling or (self.has_queued and self.slots(free_slots) > 0))

    def slots(self, free_slots: int) -> int:
        """How many runs may be claimed for these free slots."""
        return free_slots if self.may_launch else 0


def look(org_id: UUID, agent_id: UUID) -> Outlook | None:
    """None when there is no such agent; call it inside org_scope."""
    found = recordsets.fetch(_OUTLOOK, [org_id, agent_id])
    return _outlook(*found[0]) if found else None


def _outlook(token_id: UUID, boot_id: str, queues: list[str], *rest: Any) -> Outlook:
    live, blocked, reach, token_networks, commands, queued, canceling, etag, may_launch, networks = rest
    return Outlook(
        token_id=token_id,
        boot_id=boot_id,
        queues=queues,
        is_token_live=live,
        is_blocked=blocked,
        reach=Reach.parse(_decoded(reach)),
        token_networks=_decoded(token_networks) or [],
        has_commands=commands,
        has_queued=queued,
        has_canceling=canceling,
        desired_etag=etag,
        may_launch=may_launch,
        allowed_networks=_decoded(networks),
    )


def _decoded(jsonb: str | None) -> Any:
    return None if jsonb is None else msgspec.json.decode(jsonb)
