"""One short look at a run: everything that tells whether something changed, in one query."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.event_selectors import Place, events
from controlplane.runs.states import TERMINAL, RunStatus
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

# After a run's end its last output may still be under way; an agent that never sends it must not keep streams open.
_DRAIN_SECONDS = 60.0
_ROWS = 500

_LOOK = """
    SELECT r.status, r.updated_at, r.cancel_requested_at, r.event_count, r.steps_total, r.steps_succeeded, r.steps_failed,
           coalesce(a.attempt, 0), coalesce(a.last_seq, 0), l.streams, l.bytes, l.open,
           r.ended_at IS NOT NULL AND r.updated_at < now() - make_interval(secs => %(drain)s),
           a.run_id IS NULL OR a.state = 'fenced' OR a.exit_reason <> '',
           EXISTS (SELECT 1 FROM run_event e WHERE e.org_id = %(org)s AND e.run_id = %(run)s
                   AND (e.attempt, e.seq) > (%(attempt)s, %(seq)s) AND (e.type LIKE 'STEP\\_%%' OR e.type LIKE 'PIPELINE\\_%%'))
    FROM run r
    LEFT JOIN LATERAL (SELECT * FROM run_attempt a WHERE a.org_id = %(org)s AND a.run_id = %(run)s
                       ORDER BY a.attempt DESC LIMIT 1) a ON true
    CROSS JOIN LATERAL (SELECT count(*) AS streams, coalesce(sum(s.size + s.dropped_bytes), 0)::bigint AS bytes,
                               coalesce(bool_or(NOT s.final), false) AS open
                        FROM log_stream s WHERE s.org_id = %(org)s AND s.run_id = %(run)s) l
    WHERE r.org_id = %(org)s AND r.id = %(run)s
"""


@dataclass(frozen=True)
class Look:
    """What was seen. Two looks that are equal in a part saw no change of it."""

    status: RunStatus
    run: tuple[Any, ...]
    event_count: int
    last: Place
    steps: tuple[int, int, int]
    steps_changed: bool
    logs: tuple[int, int, bool]
    is_over: bool

    @property
    def run_data(self) -> dict[str, Any]:
        updated: datetime.datetime = self.run[1]
        return {"status": self.status, "updated_at": updated, "cancel_requested": self.run[2] is not None}

    @property
    def steps_data(self) -> dict[str, int]:
        return dict(zip(("total", "succeeded", "failed"), self.steps, strict=True))

    @property
    def logs_data(self) -> dict[str, Any]:
        return dict(zip(("streams", "bytes", "open"), self.logs, strict=True))


def look(org_id: UUID, run_id: UUID, after: Place) -> Look:
    """Look at a run; `after` is the last event that was seen. NotFoundError when there is no such run."""
    place = {"org": org_id, "run": run_id, "attempt": after.attempt, "seq": after.seq, "drain": _DRAIN_SECONDS}
    with org_scope(org_id):
        rows = recordsets.fetch(_LOOK, place)
    if not rows:
        raise NotFoundError("There is no such run.")
    [row] = rows
    status, (streams, size, is_open) = RunStatus(row[0]), row[9:12]
    overdue, exited, steps_changed = row[12:15]
    drained = overdue or (exited and not is_open)
    return Look(
        status=status,
        run=row[:3],
        event_count=row[3],
        last=Place(row[7], row[8]),
        steps=row[4:7],
        steps_changed=steps_changed,
        logs=(streams, size, is_open),
        is_over=status in TERMINAL and drained,
    )


def new_events(org_id: UUID, run_id: UUID, after: Place) -> tuple[list[dict[str, Any]], Place]:
    """The next events behind a place, as they are sent to those who watch, and where they end."""
    page = events(org_id, run_id, after=after, limit=_ROWS)
    rows = [
        {
            "cursor": f"{event.attempt}.{event.seq}",
            "at": event.at,
            "type": event.type,
            "level": event.level,
            "step": event.step_key,
            "message": event.message,
            "error": event.error,
        }
        for event in page.events
    ]
    return rows, page.cursor or after
