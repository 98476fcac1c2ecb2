"""A deployment with real definitions, loaded without an agent, and runs that end as a test says."""

import datetime
import gzip
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import dagster as dg
from daggerboard_worker.canonical import canonical_json
from daggerboard_worker.manifest.build import build_manifest, repository_snapshot, snapshot_bytes

from agent.protocol import DefinitionsFile
from controlplane.automation.backfills.choice import Choice
from controlplane.automation.backfills.requesting import BackfillRequest, request
from controlplane.automation.models import Backfill, BackfillPartition
from controlplane.catalog import projections
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow
from controlplane.definitions.services import store_file
from controlplane.deployments.loading import record_load
from controlplane.deployments.visibility import Visible, all_of
from controlplane.evaluator.backfills import advance
from controlplane.runs.models import Run
from controlplane.runs.requests import RANGE_END_TAG, RANGE_START_TAG, RunRequest
from controlplane.runs.states import RunStatus
from controlplane.runs.targets import find_target
from controlplane.runs.transitions import move_run
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import definitions_file, deploy, loaded_report


def serve(cast: Cast, definitions: dg.Definitions, location: str = "shop") -> None:
    """The next version of a location: these definitions."""
    loaded: Any = SimpleNamespace(
        location=SimpleNamespace(name=location), repository=definitions.get_repository_def(), reconstructable=None
    )
    snapshot = repository_snapshot(loaded)
    files = [
        _store(cast, content)
        for content in (canonical_json(build_manifest(loaded, snapshot)), snapshot_bytes(snapshot))
    ]
    version = deploy(cast, location)
    report = loaded_report(uuid7(), version.id, files[0], snapshot=files[1])
    record_load(org_id=cast.org_id, version_id=version.id, report=report, loaded_elsewhere=False)


def _store(cast: Cast, content: bytes) -> DefinitionsFile:
    file = definitions_file(content)
    store_file(org_id=cast.org_id, sha256=file.sha256, gzip_bytes=gzip.compress(content))
    return file


def visible(cast: Cast) -> Visible:
    return all_of(cast.org_id, cast.deployment.id)


def launch(cast: Cast, *assets: str, choice: Choice | None = None, **fields: Any) -> Backfill:
    asked = BackfillRequest(assets=assets, choice=choice or Choice(), **fields)
    return request(visible(cast), asked, actor=cast.actor)


def go(backfill: Backfill) -> Backfill:
    """One look, as a process of the evaluator takes it."""
    advance(backfill.org_id, backfill.id)
    return fresh(backfill)


def fresh(backfill: Backfill) -> Backfill:
    with org_scope(backfill.org_id):
        return Backfill.objects.for_org(backfill.org_id).get(id=backfill.id)


def runs(backfill: Backfill, *, status: str | None = None) -> list[Run]:
    """Its runs, in the order in which they were launched."""
    with org_scope(backfill.org_id):
        rows = Run.objects.for_org(backfill.org_id).filter(tags__contains={"dagster/backfill": str(backfill.id)})
        return list((rows.filter(status=status) if status else rows).order_by("id"))


def partitions(backfill: Backfill) -> dict[tuple[str, str], str]:
    with org_scope(backfill.org_id):
        rows = BackfillPartition.objects.for_org(backfill.org_id).filter(backfill_id=backfill.id)
        return {(row.asset_key, row.partition_key): row.state for row in rows}


def end(run: Run, status: RunStatus = RunStatus.SUCCESS, *, made: Iterable[str] | None = None) -> None:
    """The run ends so, having made these assets (all of them, if it succeeded)."""
    assets = list(made) if made is not None else (run.target_assets if status == RunStatus.SUCCESS else [])
    with org_scope(run.org_id):
        move_run(org_id=run.org_id, run_id=run.id, status=RunStatus.STARTING)
        move_run(org_id=run.org_id, run_id=run.id, status=RunStatus.STARTED)
        projections.apply(run.org_id, [_made(run, asset, key) for asset in assets for key in keys_of(run)])
        move_run(org_id=run.org_id, run_id=run.id, status=status)


def keys_of(run: Run) -> list[str | None]:
    if run.partition_key is not None:
        return [run.partition_key]
    if RANGE_START_TAG not in run.tags:
        return [None]
    ends = {name: run.tags[name] for name in (RANGE_START_TAG, RANGE_END_TAG)}
    asked = RunRequest(location=run.location_name, job=run.job_name, assets=run.target_assets, tags=ends)
    return [*find_target(org_id=run.org_id, deployment_id=run.deployment_id, request=asked).partitions]


def _made(run: Run, asset: str, partition: str | None) -> AssetEventRow:
    return AssetEventRow(
        kind=AssetEventKind.MATERIALIZATION,
        deployment_id=run.deployment_id,
        asset_key=asset,
        partition_key=partition,
        run_id=run.id,
        at=datetime.datetime.now(datetime.UTC),
    )


def end_all(backfill: Backfill, *, failing: Iterable[str] = ()) -> Backfill:
    """Let every run end, round by round, until the backfill is over; runs of these partitions fail."""
    bad = set(failing)
    for _ in range(50):
        now = go(backfill)
        if now.ended_at is not None:
            return now
        for run in runs(backfill, status=RunStatus.QUEUED):
            end(run, RunStatus.FAILURE if run.partition_key in bad else RunStatus.SUCCESS)
    raise AssertionError(f"It is not over: {now.status} {now.counts} {now.error}")


def once(backfill: Backfill) -> dict[tuple[str, str | None], list[UUID]]:
    """Which runs were launched for each partition of each asset."""
    found: dict[tuple[str, str | None], list[UUID]] = {}
    for run in runs(backfill):
        for asset in run.target_assets or [""]:
            for key in keys_of(run):
                found.setdefault((asset, key), []).append(run.id)
    return found
