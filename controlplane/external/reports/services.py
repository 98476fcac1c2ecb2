"""Storing what is reported about assets from outside of runs: in one transaction, each event once, with who reported it."""

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from controlplane.catalog import projections as catalog
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.core import recordsets, wakeups
from controlplane.deployments.freezing import require_thawed
from controlplane.external.reports.entries import entry
from controlplane.external.reports.values import REPORTER_TAG, AssetReport, ReportKind
from controlplane.runs import event_bounds
from controlplane.runs.flow import require_flow
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError
from tenants.limits.models import QuotaName
from tenants.organizations import require_writable
from tenants.scoping import org_scope

# In one request.
EVENTS_MAX = 1000
# How long the id of a delivery is remembered.
REMEMBERED = datetime.timedelta(days=7)
# The audit log names so many; the events themselves are in the catalog.
_NAMED = 20

_TAKE = """
    INSERT INTO report_delivery (org_id, deployment_id, delivery_id, digest, event_id, created_at)
    SELECT o.org_id, o.deployment_id, d.id, d.digest, 0, now()
    FROM jsonb_to_recordset(%s::jsonb) AS d(id text, digest text), (SELECT %s::uuid AS org_id, %s::uuid AS deployment_id) o
    ORDER BY d.id
    ON CONFLICT (deployment_id, delivery_id) DO NOTHING RETURNING delivery_id
"""
_KNOWN = """
    SELECT delivery_id, digest, event_id FROM report_delivery
    WHERE org_id = %s AND deployment_id = %s AND delivery_id = ANY(%s)
"""
_STORED = """
    UPDATE report_delivery r SET event_id = d.event_id
    FROM jsonb_to_recordset(%s::jsonb) AS d(id text, event_id bigint)
    WHERE r.org_id = %s AND r.deployment_id = %s AND r.delivery_id = d.id
"""


class DeliveryConflictError(ConflictError):
    """Another event was reported with this id. Give each event an id of its own."""

    code = "delivery_conflict"


@dataclass(frozen=True)
class StoredReport:
    """What became of one reported event; `is_repeated` when its id had been stored before."""

    id: int
    is_repeated: bool = False


def report_events(
    *, org_id: UUID, deployment_id: UUID, reports: Sequence[AssetReport], actor: Actor
) -> list[StoredReport]:
    """Store these in their order: all of them, or none. Events of an id that was stored before have no effect.

    InvalidError for too many, DeliveryConflictError for an id that another event had, TooManyError for more than the quota of events.
    """
    if not 0 < len(reports) <= EVENTS_MAX:
        raise InvalidError(f"1 to {EVENTS_MAX} events are reported at once; these are {len(reports)}.", attr="events")
    require_flow(org_id, QuotaName.EVENTS_PER_SECOND, len(reports))
    signed = [_signed(report, actor) for report in reports]
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, deployment_id)
        known = _deliveries(org_id, deployment_id, signed)
        rows: dict[int, AssetEventRow | CheckRow] = {
            at: _row(report, deployment_id) for at, report in enumerate(signed) if at not in known
        }
        catalog.apply(org_id, list(rows.values()))
        _note_stored(org_id, deployment_id, {signed[at].id: row.id for at, row in rows.items() if signed[at].id})
        if rows:
            _audit(org_id, deployment_id, [signed[at] for at in rows], actor)
            wakeups.wake(f"org:{org_id}:runs")
    return [StoredReport(rows[at].id) if at in rows else StoredReport(known[at], True) for at in range(len(signed))]


def _signed(report: AssetReport, actor: Actor) -> AssetReport:
    """With dagster's tag for who reported it; evaluations of checks have no tags."""
    if report.kind is ReportKind.CHECK:
        return report
    return replace(report, tags={**report.tags, REPORTER_TAG: actor.label[:254]})


def _deliveries(org_id: UUID, deployment_id: UUID, reports: Sequence[AssetReport]) -> dict[int, int]:
    """Take the ids of these; answers the events that were stored before, by their place among the reports."""
    digests = {report.id: _digest(report) for report in reports if report.id}
    if len(digests) < sum(bool(report.id) for report in reports):
        raise InvalidError("Two events of the request have the same id.", attr="events")
    if not digests:
        return {}
    asked = [{"id": name, "digest": digest} for name, digest in digests.items()]
    taken = {row[0] for row in recordsets.fetch(_TAKE, [recordsets.rows(asked), org_id, deployment_id])}
    before = {
        row[0]: row[1:] for row in recordsets.fetch(_KNOWN, [org_id, deployment_id, list(digests.keys() - taken)])
    }
    for name, (digest, _event) in before.items():
        if digest != digests[name]:
            raise DeliveryConflictError(f"Another event was reported with the id {name!r}. Give each event its own.")
    return {at: before[report.id][1] for at, report in enumerate(reports) if report.id in before}


def _digest(report: AssetReport) -> str:
    """Of what is said, not of who says it: a token may have been rotated between two tries."""
    tags = {name: value for name, value in report.tags.items() if name != REPORTER_TAG}
    said = [
        report.kind,
        report.asset_key,
        report.partition,
        report.description,
        {name: value.stored for name, value in report.metadata.items()},
        tags,
        report.at.isoformat() if report.at else None,
        report.check_name,
        report.passed,
        report.severity,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _note_stored(org_id: UUID, deployment_id: UUID, events: Mapping[str, int]) -> None:
    if events:
        rows = [{"id": name, "event_id": event_id} for name, event_id in events.items()]
        recordsets.execute(_STORED, [recordsets.rows(rows), org_id, deployment_id])


def _row(report: AssetReport, deployment_id: UUID) -> AssetEventRow | CheckRow:
    at = report.at or datetime.datetime.now(datetime.UTC)
    shared: dict[str, Any] = {
        "deployment_id": deployment_id,
        "asset_key": report.asset_key,
        "partition_key": report.partition,
        "run_id": None,
        "at": at,
        "description": event_bounds.message(report.description),
        "metadata": event_bounds.detail({name: value.shown for name, value in report.metadata.items()}),
        "serdes": entry(report, at.timestamp()),
    }
    if report.kind is ReportKind.CHECK:
        return CheckRow(check_name=report.check_name, passed=report.passed, severity=report.severity, **shared)
    return AssetEventRow(kind=AssetEventKind(report.kind.value), tags=dict(report.tags), **shared)


def _audit(org_id: UUID, deployment_id: UUID, reports: Sequence[AssetReport], actor: Actor) -> None:
    keys = sorted({report.asset_key for report in reports})
    counts = {kind.value: sum(report.kind is kind for report in reports) for kind in ReportKind}
    record(
        org_id=org_id,
        actor=actor,
        action="asset.report",
        target=AuditTarget("asset", keys[0] if len(keys) == 1 else "", ", ".join(keys[:3])),
        after={"assets": keys[:_NAMED], "asset_count": len(keys), "events": {k: n for k, n in counts.items() if n}},
        deployment_id=deployment_id,
    )
