"""What a poll might find, asked in one statement: most polls find nothing, and thousands of them are held."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.core import recordsets

# The fingerprint covers all that `selectors.desired` makes its answer of; versions themselves never change.
_OUTLOOK = """
    SELECT a.token_id, a.boot_id, a.queues,
        EXISTS (SELECT FROM api_token t WHERE t.org_id = a.org_id AND t.id = a.token_id AND t.revoked_at IS NULL
                AND (t.expires_at IS NULL OR t.expires_at > now())),
        EXISTS (SELECT FROM command c WHERE c.org_id = a.org_id AND c.agent_id = a.id AND c.state IN ('pending', 'leased')
                AND (c.state = 'pending' OR c.lease_until <= now())),
        EXISTS (SELECT FROM run r WHERE r.org_id = a.org_id AND r.status = 'QUEUED' AND r.queue = ANY(a.queues)),
        coalesce(held.canceling, false),
        md5(concat_ws(';', held.versions,
            (SELECT string_agg(
                concat_ws(' ', l.id, l.desired_id,
                    CASE WHEN l.current_id <> l.desired_id AND h.state IS DISTINCT FROM 'loaded' THEN l.current_id END),
                ',' ORDER BY l.id)
             FROM code_location l
             LEFT JOIN agent_location h ON h.org_id = l.org_id AND h.agent_id = a.id AND h.version_id = l.desired_id
             WHERE l.org_id = a.org_id AND l.queue = ANY(a.queues))))
    FROM agent a, LATERAL (
        SELECT bool_or(r.status = 'CANCELING') AS canceling,
            string_agg(DISTINCT r.version_id::text, ',') FILTER (WHERE r.status = 'STARTING' AND l.id IS NULL) AS versions
        FROM run r LEFT JOIN code_location l ON l.org_id = r.org_id AND l.desired_id = r.version_id
        WHERE r.org_id = a.org_id AND r.status IN ('STARTING', 'CANCELING') AND r.agent_id = a.id) held
    WHERE a.org_id = %s AND a.id = %s
"""


@dataclass(frozen=True)
class Outlook:
    """What concerns one agent now."""

    token_id: UUID
    boot_id: str
    queues: list[str]
    is_token_live: bool
    has_commands: bool
    has_queued: bool
    has_canceling: bool
    desired_etag: str

    def is_idle(self, *, free_slots: int) -> bool:
        return not (self.has_commands or self.has_canceling or (self.has_queued and free_slots > 0))


def look(org_id: UUID, agent_id: UUID) -> Outlook | None:
    """None when there is no such agent; call it inside org_scope."""
    found = recordsets.fetch(_OUTLOOK, [org_id, agent_id])
    return Outlook(*found[0]) if found else None
