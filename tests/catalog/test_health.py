"""The health of an asset: the worst of three parts, its causes, and who knows of it."""

import datetime
from typing import Any

import pytest

from controlplane.catalog.asset_health import AssetFreshness, Facts, HealthStatus, health
from controlplane.catalog.check_lists import CheckFilter, check_partitions, checks
from controlplane.catalog.check_view import CheckView
from controlplane.catalog.freshness import Freshness
from controlplane.catalog.models import AssetEventKind, AssetState, CheckState
from controlplane.catalog.projections import EndedRun, apply, record_ends
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.definitions.manifest import Job, PartitionsDefinition
from controlplane.deployments.visibility import all_of
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.callers import Caller, new_tenant, signed_in
from tests.factories import asset, make_location, make_manifest

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
H = HealthStatus


def check(status: str) -> CheckView:
    state = CheckState(at=AT, passed=status == "passed", severity="WARN" if status == "warn" else "ERROR")
    return CheckView(name=status, definition=None, state=None if status == "missing" else state)


MADE, FAILED = AssetState(materialization_id=1, materialized_at=AT), AssetState(failed_run_id=uuid7(), failed_at=AT)
SEEN = AssetState(observation_id=1, observed_at=AT)
ORDINARY = asset("a")
EXTERNAL = asset("a", is_external=True, is_executable=False, is_materializable=False, is_observable=True)
ELSEWHERE = asset("a", is_external=True, is_executable=False, is_materializable=False)


@pytest.mark.parametrize(
    ("definition", "state", "checks", "freshness", "wanted"),
    [
        (ORDINARY, None, [], Freshness.NOT_APPLICABLE, H.UNKNOWN),
        (ORDINARY, MADE, [], Freshness.NOT_APPLICABLE, H.HEALTHY),
        (ORDINARY, FAILED, [], Freshness.PASS, H.DEGRADED),
        (ORDINARY, MADE, ["warn", "passed"], Freshness.PASS, H.WARNING),
        (ORDINARY, MADE, ["warn", "failed"], Freshness.PASS, H.DEGRADED),
        (ORDINARY, MADE, ["missing"], Freshness.NOT_APPLICABLE, H.HEALTHY),
        (ORDINARY, None, ["passed"], Freshness.UNKNOWN, H.UNKNOWN),
        (ORDINARY, MADE, [], Freshness.WARN, H.WARNING),
        (ORDINARY, MADE, [], Freshness.FAIL, H.DEGRADED),
        (EXTERNAL, SEEN, [], Freshness.PASS, H.HEALTHY),
        (EXTERNAL, None, [], Freshness.NOT_APPLICABLE, H.UNKNOWN),
        (ELSEWHERE, None, [], Freshness.NOT_APPLICABLE, H.NOT_APPLICABLE),
        (ELSEWHERE, None, ["passed"], Freshness.NOT_APPLICABLE, H.HEALTHY),
        # What is observed and made here is not there before it is made.
        (ORDINARY, SEEN, [], Freshness.NOT_APPLICABLE, H.UNKNOWN),
    ],
)
def test_it_is_the_worst_of_its_parts(
    definition: Any, state: Any, checks: list[str], freshness: Freshness, wanted: HealthStatus
) -> None:
    found = health(Facts(definition, state, [check(one) for one in checks], AssetFreshness(freshness)))
    assert found.status == wanted
    assert bool(found.causes) == found.is_unwell


@pytest.fixture(scope="module")
def shop() -> Caller:
    alice = new_tenant()
    parts = {"abc": PartitionsDefinition(kind="static", cls="", keys=["a", "b"])}
    assets = [asset("raw"), asset("daily", "raw"), asset("parts", partitions="abc")]
    keys = [one.key for one in assets]
    job = Job(name="__ASSET_JOB", implicit=True, assets=keys, checks=[(["daily"], "not_empty")])
    make_location(alice.cast, manifest=make_manifest(assets, jobs=[job], partitions_definitions=parts))
    return alice


def record(alice: Caller, *rows: Any) -> None:
    with org_scope(alice.org_id):
        apply(alice.org_id, list(rows))


def event(alice: Caller, kind: str, key: str, run_id: Any, partition: str | None = None) -> AssetEventRow:
    return AssetEventRow(AssetEventKind(kind), alice.cast.deployment.id, key, partition, run_id, AT)


def checked(alice: Caller, severity: str) -> None:
    deployment = alice.cast.deployment.id
    record(alice, CheckRow(deployment, "daily", "not_empty", None, uuid7(), AT, passed=False, severity=severity))


def test_an_acknowledgement_holds_until_the_causes_change(shop: Caller) -> None:
    address = f"{shop.prod}asset-health/"
    record(shop, event(shop, "materialization", "daily", uuid7()))
    refused = shop.api.post(address, {"asset": "daily", "reason": "known"})
    assert (refused.status_code, shop.api.get(address, {"asset": "daily"}).json()["status"]) == (409, "HEALTHY")
    checked(shop, "WARN")
    assert shop.api.post(address, {"asset": "daily", "reason": " "}).status_code == 400
    found = shop.api.post(address, {"asset": "daily", "reason": "the source is down"}).json()
    assert (found["status"], found["acknowledged"]["reason"]) == ("WARNING", "the source is down")
    checked(shop, "WARN")
    assert shop.api.get(address, {"asset": "daily"}).json()["acknowledged"] is not None
    checked(shop, "ERROR")
    worse = shop.api.get(address, {"asset": "daily"}).json()
    assert (worse["status"], worse["acknowledged"]) == ("DEGRADED", None)
    assert shop.api.post(address, {"asset": "daily", "reason": "still"}).status_code == 200
    assert shop.api.delete(address, {"asset": "daily"}).status_code == 204
    assert shop.api.get(address, {"asset": "daily"}).json()["acknowledged"] is None
    log = shop.api.get(f"{shop.path}audit-events/").json()["results"]
    assert {"health.acknowledge", "health.withdraw"} <= {row["action"] for row in log}


def test_failed_partitions_degrade_and_lists_filter_by_health(shop: Caller) -> None:
    run_id = uuid7()
    record(shop, event(shop, "planned", "parts", run_id, "a"))
    with org_scope(shop.org_id):
        record_ends(shop.org_id, [EndedRun(shop.cast.deployment.id, run_id, AT, failed=True)])
    record(shop, event(shop, "materialization", "parts", uuid7(), "b"))
    found = shop.api.get(f"{shop.prod}asset-health/", {"asset": "parts"}).json()
    assert (found["status"], [cause["text"] for cause in found["causes"]]) == ("DEGRADED", ["1 partition failed"])
    listed = shop.api.get(f"{shop.prod}assets/", {"health": "DEGRADED"}).json()["results"]
    assert "parts" in {one["key"] for one in listed}
    assert {one["health"] for one in listed} == {"DEGRADED"}
    assert shop.api.get(f"{shop.prod}assets/", {"health": "ill"}).status_code == 400
    assert shop.api.get(f"{shop.prod}assets/parts/").json()["health"] == "DEGRADED"


def test_checks_of_partitions_are_kept_one_by_one_and_listed(shop: Caller) -> None:
    deployment = shop.cast.deployment.id
    for partition, passed in (("a", False), ("b", True), ("a", True), ("b", False)):
        row = CheckRow(deployment, "daily", "not_empty", partition, None, AT, passed=passed, severity="WARN")
        record(shop, row)
    visible = all_of(shop.org_id, deployment)
    found = check_partitions(visible, "daily", "not_empty")
    assert found is not None
    assert (found.passed, [one.partition_key for one in found.unwell]) == (1, ["b"])
    assert [line.key for line in checks(visible, CheckFilter(status="warn"))] == ["daily:not_empty"]
    assert checks(visible, CheckFilter(severity="ERROR")) == []


def test_a_check_is_run_alone_from_its_page(shop: Caller) -> None:
    browser = signed_in(shop.owner)
    page = f"/{shop.cast.org.slug}/prod/checks"
    assert b"not_empty" in browser.get(page).content
    answer = browser.post(f"{page}/run", {"checks": "daily:not_empty"})
    assert answer.status_code == 302
    run = shop.api.get(f"{shop.prod}runs/").json()["results"][0]
    assert run["id"] in answer["Location"]
    assert browser.post(f"{page}/run", {"checks": "daily:nope"}).status_code == 404
    assert browser.get(f"/{shop.cast.org.slug}/prod/assets/daily?tab=checks&check=not_empty").status_code == 200
    assert b"Health" in browser.get(f"/{shop.cast.org.slug}/prod/assets/daily").content
