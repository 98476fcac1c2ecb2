"""A deployment whose assets are unwell in every way: a blocking check stopped a run, and inputs are newer than what came of them."""

import datetime
from typing import Any

from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.projections import apply
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.definitions.manifest import Check, Job, Manifest, PartitionsDefinition
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import make_cast
from tests.factories import asset, make_agent, make_location, make_manifest
from tests.runs.scripts import Sender, Stage
from tests.ui.world import finish

PARTS = ["berlin", "munich", "hamburg"]


def manifest() -> Manifest:
    """`orders -> revenue -> report`; `cities -> towns` with partitions."""
    assets = [
        asset("orders", code_version="1"),
        asset("revenue", "orders", code_version="1"),
        asset("report", "revenue"),
        asset("cities", partitions="towns", code_version="1"),
        asset("towns", "cities", partitions="towns", code_version="2"),
    ]
    checks = [
        Check(asset=["revenue"], name="is_positive", blocking=True, jobs=["__ASSET_JOB"]),
        Check(asset=["cities"], name="is_known", partitions="towns", jobs=["__ASSET_JOB"]),
    ]
    definitions = {"towns": PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=PARTS)}
    keys, checked = [one.key for one in assets], [(check.asset, check.name) for check in checks]
    job = Job(name="__ASSET_JOB", implicit=True, assets=keys, checks=checked)
    return make_manifest(assets, checks=checks, jobs=[job], partitions_definitions=definitions)


def make_health() -> Stage:
    """All of it happened: see the tests of it."""
    cast = make_cast("health")
    agent = make_agent(cast, "office-server")
    make_location(cast, manifest=manifest(), agents=[agent])
    stage = Stage(cast, agent)
    made(stage, "orders", {"dagster/data_version": "o2"})
    inputs = {"dagster/input_data_version/orders": "o1", "dagster/input_event_pointer/orders": "1"}
    made(stage, "revenue", inputs)
    for number in range(12):
        checked(stage, "revenue", "is_positive", passed=number % 4 != 3, metadata={"rows": 90 + number * number % 17})
    for part in PARTS[:2]:
        made(stage, "cities", {"dagster/data_version": part}, part)
        checked(stage, "cities", "is_known", passed=part == "berlin", partition=part)
    pointer = {"dagster/input_data_version/cities": "x", "dagster/input_event_pointer/cities": "NULL"}
    made(stage, "towns", {"dagster/code_version": "1", **pointer}, "berlin")
    made(stage, "towns", {"dagster/code_version": "2", **pointer}, "munich")
    blocked(stage)
    return stage


def made(stage: Stage, key: str, tags: dict[str, str], partition: str | None = None) -> None:
    """A materialization with a code version and these tags."""
    at, kind = datetime.datetime.now(datetime.UTC), AssetEventKind.MATERIALIZATION
    tags = {"dagster/code_version": "1", **tags}
    _apply(stage, AssetEventRow(kind, stage.cast.deployment.id, key, partition, uuid7(), at, tags=tags))


def checked(stage: Stage, key: str, name: str, *, passed: bool, partition: str | None = None, **fields: Any) -> None:
    """An evaluation; numbers in its metadata."""
    metadata = {label: {"type": "int", "value": value} for label, value in fields.get("metadata", {}).items()}
    at = datetime.datetime.now(datetime.UTC)
    row = CheckRow(
        stage.cast.deployment.id, key, name, partition, None, at, passed=passed, severity="ERROR", metadata=metadata
    )
    _apply(stage, row)


def _apply(stage: Stage, row: Any) -> None:
    with org_scope(stage.org_id):
        apply(stage.org_id, [row])


def blocked(stage: Stage) -> Sender:
    """A run in which the check of `revenue` failed, so that `report` was never begun."""
    run = stage.claimed(assets=["orders", "revenue", "report"])
    run.start("orders", "revenue", "report")
    run.step("orders")
    run.event("ASSET_MATERIALIZATION_PLANNED", step="report", data={"asset": ["report"], "partition": None})
    run.event("STEP_START", step="revenue")
    check = {"asset": ["revenue"], "name": "is_positive", "passed": False, "severity": "ERROR", "blocking": True}
    run.event("ASSET_CHECK_EVALUATION", step="revenue", data={"check": {**check, "metadata": {}, "partition": None}})
    run.event("STEP_FAILURE", step="revenue", level=40, message="1 blocking asset check failed with ERROR severity.")
    finish(run, "PIPELINE_FAILURE", 'Execution of run failed. Steps failed: ["revenue"].', level=40)
    return run


def paths(stage: Stage) -> dict[str, str]:
    """Pages of it by name."""
    from tests.ui.known import runs_by_status

    return {
        "assets": "assets",
        "asset": "assets/report",
        "stale": "assets/revenue",
        "lineage": "lineage?asset=revenue",
        "partitions": "assets/towns?tab=partitions",
        "checks": "checks",
        "check": "assets/revenue?tab=checks&check=is_positive",
        "check-partitions": "assets/cities?tab=checks&check=is_known",
        "run": f"runs/{runs_by_status(stage)['FAILURE']}",
    }
