"""Saving where many instigators are, in one statement: the clock does it many times a second."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.automation.instigators.running import STATE
from controlplane.automation.models import Instigator
from controlplane.core import recordsets

_SAVE = """
    UPDATE instigator i SET
        choice = d.choice, runs_until = d.runs_until, ticks_left = d.ticks_left, is_running = d.is_running,
        running_since = d.running_since, next_tick_at = d.next_tick_at, last_tick_at = d.last_tick_at, cursor = d.cursor,
        last_run_key = d.last_run_key, open_tick_id = d.open_tick_id, failures_in_a_row = d.failures_in_a_row,
        missed_from = d.missed_from
    FROM jsonb_to_recordset(%s::jsonb) AS d(
        id uuid, choice text, runs_until timestamptz, ticks_left int, is_running boolean, running_since timestamptz,
        next_tick_at timestamptz, last_tick_at timestamptz, cursor text, last_run_key text, open_tick_id uuid,
        failures_in_a_row int, missed_from timestamptz
    )
    WHERE i.org_id = %s AND i.id = d.id
"""


def save_states(org_id: UUID, rows: Sequence[Instigator]) -> None:
    """Write STATE of these rows, which the caller has locked. Call it inside org_scope."""
    values = [{"id": row.id, **{name: getattr(row, name) for name in STATE}} for row in rows]
    recordsets.execute(_SAVE, [recordsets.rows(values), org_id])
