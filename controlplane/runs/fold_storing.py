"""The statements that store what a fold gathered about steps, attempts and runs."""

from typing import Any
from uuid import UUID

import msgspec

from controlplane.core import recordsets
from controlplane.insights import projections as insights
from controlplane.insights.projections import UsageRow
from controlplane.runs import reasons
from controlplane.runs.folding import Fold

_PLAN = """
    INSERT INTO step AS s (org_id, run_id, attempt, step_key, status, position, assets, depends_on, tries, cost_micros)
    SELECT o.org_id, d.run_id, d.attempt, d.step_key, 'planned', d.position, d.assets, d.depends_on, 0, 0
    FROM (SELECT DISTINCT ON (run_id, attempt, step_key) * FROM jsonb_to_recordset(%s::jsonb) AS d(
            run_id uuid, attempt int, step_key text, position int, assets jsonb, depends_on jsonb)) d,
         (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, attempt, step_key) DO UPDATE SET
        position = excluded.position, assets = excluded.assets, depends_on = excluded.depends_on
"""
# The position of a step that no plan names: it came out of a dynamic one while the run went on, and is shown behind the planned.
UNPLANNED = 1_000_000
_STEPS = f"""
    INSERT INTO step AS s (org_id, run_id, attempt, step_key, status, position, assets, depends_on, tries, launched_at, started_at,
        ended_at, error, wall_seconds, cpu_seconds, gib_seconds, peak_rss_bytes, cost_micros)
    SELECT o.org_id, d.run_id, d.attempt, d.step_key, d.status, {UNPLANNED}, '[]', '[]', d.tries, d.launched_at, d.started_at,
        d.ended_at, d.error, d.wall_seconds, d.cpu_seconds, d.gib_seconds, d.peak_rss_bytes, d.cost_micros
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, step_key text, status text, tries int,
            launched_at timestamptz, started_at timestamptz, ended_at timestamptz, error jsonb, wall_seconds float8,
            cpu_seconds float8, gib_seconds float8, peak_rss_bytes bigint, cost_micros bigint),
         (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, attempt, step_key) DO UPDATE SET
        status = excluded.status, tries = s.tries + excluded.tries,
        launched_at = coalesce(s.launched_at, excluded.launched_at), started_at = coalesce(s.started_at, excluded.started_at),
        ended_at = excluded.ended_at, error = excluded.error,
        wall_seconds = CASE WHEN excluded.wall_seconds IS NULL THEN s.wall_seconds
                       ELSE coalesce(s.wall_seconds, 0) + excluded.wall_seconds END,
        cpu_seconds = CASE WHEN excluded.cpu_seconds IS NULL THEN s.cpu_seconds
                      ELSE coalesce(s.cpu_seconds, 0) + excluded.cpu_seconds END,
        gib_seconds = CASE WHEN excluded.gib_seconds IS NULL THEN s.gib_seconds
                      ELSE coalesce(s.gib_seconds, 0) + excluded.gib_seconds END,
        peak_rss_bytes = greatest(s.peak_rss_bytes, excluded.peak_rss_bytes), cost_micros = s.cost_micros + excluded.cost_micros
    RETURNING run_id, attempt, step_key, assets, tries, position
"""
_FAILED_STEPS = """
    SELECT run_id, step_key,
           CASE row_number() OVER (PARTITION BY run_id ORDER BY ended_at, position) WHEN 1 THEN error END
    FROM step WHERE org_id = %s AND run_id = ANY(%s) AND status = 'failure' ORDER BY run_id, ended_at, position
"""
_ATTEMPTS = """
    UPDATE run_attempt a SET
        last_seq = d.last_seq, state = CASE WHEN a.state = 'claimed' THEN 'running' ELSE a.state END,
        accepted_at = coalesce(a.accepted_at, now()), pid = coalesce(d.pid, a.pid), mode = coalesce(d.mode, a.mode),
        started_at = coalesce(a.started_at, d.started_at, now()),
        exit_reason = coalesce(d.exit_reason, a.exit_reason), exit_code = coalesce(d.exit_code, a.exit_code),
        exit_signal = coalesce(d.exit_signal, a.exit_signal)
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, last_seq bigint, pid int, mode text, started_at timestamptz,
        exit_reason text, exit_code int, exit_signal text)
    WHERE a.org_id = %s AND a.run_id = ANY(%s) AND a.run_id = d.run_id AND a.attempt = d.attempt
"""
_RUNS = """
    UPDATE run r SET
        event_count = r.event_count + d.events, worker_mode = coalesce(d.worker_mode, r.worker_mode),
        steps_total = r.steps_total + d.steps_total, steps_succeeded = r.steps_succeeded + d.steps_succeeded,
        steps_failed = r.steps_failed + d.steps_failed, cpu_seconds = r.cpu_seconds + d.cpu_seconds,
        gib_seconds = r.gib_seconds + d.gib_seconds, peak_rss_bytes = greatest(r.peak_rss_bytes, d.peak_rss_bytes),
        cost_micros = r.cost_micros + d.cost_micros
    FROM (SELECT run_id, sum(events) AS events, max(worker_mode) AS worker_mode, sum(steps_total) AS steps_total,
                 sum(steps_succeeded) AS steps_succeeded, sum(steps_failed) AS steps_failed, sum(cpu_seconds) AS cpu_seconds,
                 sum(gib_seconds) AS gib_seconds, max(peak_rss_bytes) AS peak_rss_bytes, sum(cost_micros) AS cost_micros
          FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, events bigint, worker_mode text, steps_total int, steps_succeeded int,
                 steps_failed int, cpu_seconds float8, gib_seconds float8, peak_rss_bytes bigint, cost_micros bigint)
          GROUP BY run_id) d
    WHERE r.org_id = %s AND r.id = ANY(%s) AND r.id = d.run_id
"""
_OF_ATTEMPT = ("pid", "mode", "started_at", "exit_code")
_OF_RUN = (
    "events",
    "worker_mode",
    "steps_succeeded",
    "steps_failed",
    "cpu_seconds",
    "gib_seconds",
    "peak_rss_bytes",
    "cost_micros",
)


def save_steps(org_id: UUID, fold: Fold) -> None:
    """Store plan, steps and usage, and complete the reasons of the runs that dagster ended as failed."""
    if fold.plan:
        recordsets.execute(_PLAN, [recordsets.rows(fold.plan), org_id])
        for step in fold.plan:
            fold.new_steps[step.run_id] += 1
    if fold.steps:
        changed = recordsets.fetch(_STEPS, [recordsets.rows(list(fold.steps.values())), org_id])
        _save_usage(org_id, fold, {(row[0], row[1], row[2]): msgspec.json.decode(row[3]) for row in changed})
        for run_id, attempt, step, _, tries, position in changed:
            first_start = 0 < fold.steps[run_id, attempt, step].tries == tries
            fold.new_steps[run_id] += position == UNPLANNED and first_start
    if fold.failed:
        _complete_reasons(org_id, fold)


def _save_usage(org_id: UUID, fold: Fold, assets: dict[tuple[UUID, int, str], list[str]]) -> None:
    """One row per step of the batch, however often it was tried."""
    merged: dict[tuple[UUID, int, str], UsageRow] = {}
    for row in fold.usage:
        place = (row.run_id, row.attempt, row.step_key)
        row.assets = assets.get(place, [])
        merged[place] = merged[place].plus(row) if place in merged else row
    insights.apply(org_id, list(merged.values()))


def _complete_reasons(org_id: UUID, fold: Fold) -> None:
    steps: dict[UUID, list[tuple[str, Any]]] = {}
    for run_id, step, error in recordsets.fetch(_FAILED_STEPS, [org_id, list(fold.failed)]):
        steps.setdefault(run_id, []).append((step, msgspec.json.decode(error) if error else None))
    for run_id, (run, said) in fold.failed.items():
        run.reason = run.reason or reasons.run_failed(steps.get(run_id, []), said)


def save_attempts(org_id: UUID, fold: Fold) -> None:
    """Store how far each attempt has come, and add what the batch brought to its run."""
    run_ids = sorted({change.run.id for change in fold.attempts})
    attempts, runs = [], []
    for change in fold.attempts:
        place = {"run_id": change.run.id, "attempt": change.attempt.attempt, "last_seq": change.last_seq}
        ended = {"exit_reason": change.exit_reason, "exit_signal": change.exit_signal}
        attempts.append({**place, **ended, **{name: getattr(change, name) for name in _OF_ATTEMPT}})
        added = {name: getattr(change, name) for name in _OF_RUN}
        runs.append({"run_id": change.run.id, **added, "steps_total": fold.new_steps.pop(change.run.id, 0)})
    recordsets.execute(_ATTEMPTS, [recordsets.rows(attempts), org_id, run_ids])
    recordsets.execute(_RUNS, [recordsets.rows(runs), org_id, run_ids])
