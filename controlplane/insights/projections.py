"""From the usage of steps to rows by step and by asset. Set-based; called inside the caller's transaction."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from controlplane.core import recordsets


@dataclass(slots=True)
class UsageRow:
    """Usage of some tries of one step of one attempt, priced; `assets` share it equally."""

    run_id: UUID
    attempt: int
    step_key: str
    deployment_id: UUID
    location_name: str
    job_name: str
    partition_key: str | None
    assets: list[str]
    ended_at: datetime.datetime
    wall_seconds: float
    cpu_seconds: float
    gib_seconds: float
    peak_rss_bytes: int
    cost_micros: int
    currency: str
    price_book_id: UUID | None

    def plus(self, later: "UsageRow") -> "UsageRow":
        """Both together, for two tries of one step."""
        return replace(
            later,
            wall_seconds=self.wall_seconds + later.wall_seconds,
            cpu_seconds=self.cpu_seconds + later.cpu_seconds,
            gib_seconds=self.gib_seconds + later.gib_seconds,
            peak_rss_bytes=max(self.peak_rss_bytes, later.peak_rss_bytes),
            cost_micros=self.cost_micros + later.cost_micros,
        )


def apply(org_id: UUID, rows: Sequence[UsageRow]) -> None:
    """Add this usage to what is stored of its steps and assets."""
    if not rows:
        return
    recordsets.execute(_STEPS, [recordsets.rows(rows), org_id])
    shares = [share for row in rows for share in _shares(row)]
    if shares:
        recordsets.execute(_ASSETS, [recordsets.rows(shares), org_id])


def _shares(row: UsageRow) -> list[dict[str, Any]]:
    """An n-th for each of n assets; the odd micro-units go to the first ones, so that the sum is exact."""
    count = len(row.assets)
    whole, odd = divmod(row.cost_micros, count) if count else (0, 0)
    same = {field.name: getattr(row, field.name) for field in fields(row) if field.name not in _SHARED}
    part = {name: getattr(row, name) / count for name in _SECONDS} if count else {}
    return [
        {**same, **part, "asset_key": asset, "cost_micros": whole + (index < odd)}
        for index, asset in enumerate(row.assets)
    ]


_SECONDS = ("wall_seconds", "cpu_seconds", "gib_seconds")
_SHARED = {*_SECONDS, "assets", "cost_micros", "peak_rss_bytes", "location_name", "job_name"}

_STEPS = """
    INSERT INTO step_usage AS u (org_id, run_id, attempt, step_key, deployment_id, location_name, job_name, ended_at, wall_seconds,
        cpu_seconds, gib_seconds, peak_rss_bytes, cost_micros, currency, price_book_id)
    SELECT o.org_id, d.run_id, d.attempt, d.step_key, d.deployment_id, d.location_name, d.job_name, d.ended_at, d.wall_seconds,
        d.cpu_seconds, d.gib_seconds, d.peak_rss_bytes, d.cost_micros, d.currency, d.price_book_id
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, step_key text, deployment_id uuid, location_name text,
        job_name text, ended_at timestamptz, wall_seconds float8, cpu_seconds float8, gib_seconds float8, peak_rss_bytes bigint,
        cost_micros bigint, currency text, price_book_id uuid), (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, attempt, step_key) DO UPDATE SET
        ended_at = excluded.ended_at, wall_seconds = u.wall_seconds + excluded.wall_seconds,
        cpu_seconds = u.cpu_seconds + excluded.cpu_seconds, gib_seconds = u.gib_seconds + excluded.gib_seconds,
        peak_rss_bytes = greatest(u.peak_rss_bytes, excluded.peak_rss_bytes), cost_micros = u.cost_micros + excluded.cost_micros
"""
_ASSETS = """
    INSERT INTO asset_usage AS u (org_id, run_id, attempt, step_key, asset_key, partition_key, deployment_id, ended_at, wall_seconds,
        cpu_seconds, gib_seconds, cost_micros, currency, price_book_id)
    SELECT o.org_id, d.run_id, d.attempt, d.step_key, d.asset_key, d.partition_key, d.deployment_id, d.ended_at, d.wall_seconds,
        d.cpu_seconds, d.gib_seconds, d.cost_micros, d.currency, d.price_book_id
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, step_key text, asset_key text, partition_key text,
        deployment_id uuid, ended_at timestamptz, wall_seconds float8, cpu_seconds float8, gib_seconds float8, cost_micros bigint,
        currency text, price_book_id uuid), (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, attempt, step_key, asset_key) DO UPDATE SET
        ended_at = excluded.ended_at, wall_seconds = u.wall_seconds + excluded.wall_seconds,
        cpu_seconds = u.cpu_seconds + excluded.cpu_seconds, gib_seconds = u.gib_seconds + excluded.gib_seconds,
        cost_micros = u.cost_micros + excluded.cost_micros
"""
