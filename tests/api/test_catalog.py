"""Assets, their graph, their history, checks and partitions over REST."""

import datetime
import gzip
import json

import pytest

from controlplane.catalog import projections
from controlplane.catalog.graph_document import graph_document
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.definitions.manifest import Check, PartitionsDefinition
from controlplane.deployments.selectors import definitions
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.callers import new_tenant
from tests.factories import asset, make_location, make_manifest

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def shop():
    """Alice's deployment, with a location of three assets in a row, a check, and a partitioned asset of another group."""
    alice = new_tenant()
    daily = PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=["a", "b", "c"])
    extra = asset(
        "x/y\\/z", group="odd", kinds=["duckdb"], owners=["ann@example.com"], tags={"tier": "1"}, partitions="p1"
    )
    assets = [asset("raw"), asset("daily", "raw"), asset("report", "daily"), extra]
    checks = [Check(asset=["daily"], name="not_empty", jobs=["__ASSET_JOB"])]
    make_location(alice.cast, manifest=make_manifest(assets, checks=checks, partitions_definitions={"p1": daily}))
    return alice


def record(alice, *rows):
    with org_scope(alice.org_id):
        projections.apply(alice.org_id, list(rows))


def materialization(alice, key, *, run_id=None, partition=None, **fields):
    return AssetEventRow(
        kind=AssetEventKind.MATERIALIZATION,
        deployment_id=alice.cast.deployment.id,
        asset_key=key,
        partition_key=partition,
        run_id=run_id or uuid7(),
        at=NOON,
        **fields,
    )


def keys(page, field="key"):
    return [item[field] for item in page.json()["results"]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["daily", "raw", "report", "x/y\\/z"]),
        ("q=ra", ["raw"]),
        ("group=odd", ["x/y\\/z"]),
        ("kind=duckdb", ["x/y\\/z"]),
        ("owner=ann@example.com", ["x/y\\/z"]),
        ("tag=tier%3D1", ["x/y\\/z"]),
        ("location=other", []),
        ("status=materialized", ["raw"]),
        ("limit=2", ["daily", "raw"]),
    ],
)
def test_assets_are_filtered(shop, query, wanted):
    record(shop, materialization(shop, "raw"))

    assert keys(shop.api.get(f"{shop.prod}assets/?{query}")) == wanted


def test_unknown_status_is_refused(shop):
    assert shop.api.get(f"{shop.prod}assets/?status=great").status_code == 400


def test_asset_shows_definition_neighbours_and_latest_materialization(shop):
    run_id = uuid7()
    record(shop, materialization(shop, "daily", run_id=run_id, metadata={"rows": {"type": "int", "value": 3}}))

    found = shop.api.get(f"{shop.prod}assets/daily/").json()

    assert (found["upstream"], found["downstream"], found["location"]) == (["raw"], ["report"], "shop")
    assert (found["status"], found["materialization_run_id"]) == ("materialized", str(run_id))
    assert found["materialization_metadata"] == {"rows": {"type": "int", "value": 3}}
    assert [(c["name"], c["status"]) for c in found["checks"]] == [("not_empty", "missing")]


@pytest.mark.parametrize("path", ["x/y%5C/z", "x/y%5C%2Fz", "x%2Fy%5C%2Fz"])
def test_asset_key_may_be_escaped_in_the_address(shop, path):
    assert shop.api.get(f"{shop.prod}assets/{path}/").json()["key"] == "x/y\\/z"


def test_unknown_asset_is_not_found(shop):
    assert shop.api.get(f"{shop.prod}assets/nothing/").status_code == 404


def test_history_is_newest_first_and_filtered(shop):
    run_id = uuid7()
    rows = [materialization(shop, "raw", description=str(number)) for number in range(3)]
    record(shop, *rows, materialization(shop, "daily", run_id=run_id))

    of_asset = shop.api.get(f"{shop.prod}materializations/?asset=raw")
    of_run = shop.api.get(f"{shop.prod}materializations/?run={run_id}")

    assert keys(of_asset, "description") == ["2", "1", "0"]
    assert keys(of_run, "asset_key") == ["daily"]
    assert keys(shop.api.get(f"{shop.prod}observations/?asset=raw"), "id") == []


@pytest.mark.parametrize("path", ["materializations/", "observations/?run=x", "check-evaluations/", "partitions/"])
def test_history_of_nothing_is_refused(shop, path):
    assert shop.api.get(f"{shop.prod}{path}").status_code == 400


def test_checks_show_their_latest_evaluation(shop):
    row = CheckRow(
        deployment_id=shop.cast.deployment.id,
        asset_key="daily",
        check_name="not_empty",
        partition_key=None,
        run_id=uuid7(),
        at=NOON,
        passed=False,
        severity="WARN",
    )
    record(shop, row)

    checks = shop.api.get(f"{shop.prod}checks/").json()["results"]
    evaluations = shop.api.get(f"{shop.prod}check-evaluations/?asset=daily&check=not_empty").json()["results"]

    assert [(c["asset_key"], c["name"], c["status"]) for c in checks] == [("daily", "not_empty", "warn")]
    assert [(e["passed"], e["severity"], e["run_id"]) for e in evaluations] == [(False, "WARN", str(row.run_id))]


def test_partitions_are_paged_in_dagsters_order(shop):
    record(shop, materialization(shop, "x/y\\/z", partition="b"))

    first = shop.api.get(f"{shop.prod}partitions/", {"asset": "x/y\\/z", "limit": 2}).json()
    second = shop.api.get(first["next"]).json()

    assert [(p["key"], p["status"]) for p in first["results"]] == [("a", "missing"), ("b", "materialized")]
    assert ([p["key"] for p in second["results"]], second["next"]) == (["c"], None)


def test_graph_has_nodes_edges_and_places(shop):
    graph = shop.api.get(f"{shop.prod}asset-graph/").json()

    names = [node["key"] for node in graph["nodes"]]
    assert sorted(names) == ["daily", "raw", "report", "x/y\\/z"]
    assert [[names[up], names[down]] for up, down in graph["edges"]] == [["raw", "daily"], ["daily", "report"]]
    assert len({(node["x"], node["y"]) for node in graph["nodes"]}) == 4


def test_graph_is_sent_once(shop):
    first = shop.api.get(f"{shop.prod}asset-graph/", HTTP_ACCEPT_ENCODING="gzip")

    again = shop.api.get(f"{shop.prod}asset-graph/", HTTP_IF_NONE_MATCH=first["ETag"])
    make_location(shop.cast, "store", manifest=make_manifest([asset("stored")], location="store"))
    changed = shop.api.get(f"{shop.prod}asset-graph/", HTTP_IF_NONE_MATCH=first["ETag"])

    assert len(json.loads(gzip.decompress(first.content))["nodes"]) == 4
    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)


def test_graph_of_five_thousand_assets_is_made_once(shop):
    names = [f"group_{number % 70}/asset_{number}" for number in range(5000)]
    assets = [asset(name, *names[max(0, n - 3) : n : 2]) for n, name in enumerate(names)]
    make_location(shop.cast, "large", manifest=make_manifest(assets, location="large"))

    answer = shop.api.get(f"{shop.prod}asset-graph/")
    with org_scope(shop.org_id):
        first, again = (graph_document(definitions(shop.org_id, shop.cast.deployment.id)) for _ in range(2))

    assert len(answer.json()["nodes"]) == 5004
    assert (first.json, first is again) == (answer.content, True)
