"""The manifest: complete, interned, and the same bytes for the same code."""

import gzip
import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from controlplane.definitions.manifest import Manifest
from tests.worker.fake_agent import FakeAgent, Json, Worker, project


def content(part: Json) -> bytes:
    return gzip.decompress(Path(part["path"]).read_bytes())


@pytest.fixture(scope="module")
def manifest(shop: Worker) -> Json:
    return json.loads(content(shop.ready["manifest"]))


@pytest.fixture(scope="module")
def assets(manifest: Json) -> dict[str, Json]:
    return {"/".join(asset["key"]): asset for asset in manifest["assets"]}


@pytest.mark.parametrize("name", ["manifest", "snapshot"])
def test_manifest_file_is_named_after_its_content(shop: Worker, name: str) -> None:
    part = shop.ready[name]

    raw = content(part)

    assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (part["sha256"], part["bytes"])
    assert Path(part["path"]).name.startswith(part["sha256"])


def test_manifest_two_loads_give_the_same_bytes(agent: FakeAgent) -> None:
    location = project("shop", module_name="shop.definitions")

    found = [agent.start(location, env={"PYTHONHASHSEED": seed}).ready for seed in ("1", "2")]

    hashes = [(ready["manifest"]["sha256"], ready["snapshot"]["sha256"]) for ready in found]
    assert hashes[0] == hashes[1]


def test_manifest_is_what_the_control_plane_reads(shop: Worker) -> None:
    read = msgspec.json.decode(content(shop.ready["manifest"]), type=Manifest)

    assert len(read.assets) == shop.ready["counts"]["assets"]
    assert {job.name for job in read.jobs if job.implicit} == {"__ASSET_JOB"}


def test_manifest_asset_carries_its_definition(assets: dict[str, Json]) -> None:
    asset = assets["raw_orders"]

    assert asset["deps"] == [{"asset": ["erp_export"], "mapping": None}]
    assert (asset["group"], asset["kinds"], asset["code_version"]) == ("raw", ["postgres", "python"], "3")
    assert (asset["owners"], asset["tags"]["pii"]) == (["a@b.co", "team:data"], "true")
    assert asset["description"] == "Raw orders, one file per day."
    assert asset["metadata"]["docs"] == {"type": "url", "value": "https://example.org/orders"}
    assert (asset["resources"], asset["io_manager_key"]) == (["warehouse"], "io_manager")
    assert asset["jobs"] == ["__ASSET_JOB", "daily_job"]
    assert (asset["execution_type"], asset["is_executable"]) == ("materialization", True)


def test_manifest_external_asset_is_not_executable(assets: dict[str, Json]) -> None:
    asset = assets["erp_export"]

    assert (asset["execution_type"], asset["is_executable"]) == ("unexecutable", False)
    assert (asset["is_external"], asset["group"], asset["io_manager_key"]) == (True, "external", None)


def test_manifest_partitions_are_written_once(manifest: Json, assets: dict[str, Json]) -> None:
    definitions = manifest["partitions_definitions"]

    daily = definitions[assets["raw_orders"]["partitions"]]
    both = definitions[assets["region_day_metrics"]["partitions"]]
    assert assets["raw_orders"]["partitions"] == assets["daily_revenue"]["partitions"]
    assert (daily["kind"], daily["timezone"], daily["cron"]) == ("time_window", "Europe/Berlin", "0 0 * * *")
    assert {dimension["name"]: definitions[dimension["partitions"]]["kind"] for dimension in both["dimensions"]} == {
        "day": "time_window",
        "region": "static",
    }
    assert definitions[assets["file_ingest"]["partitions"]]["name"] == "files"


def test_manifest_dependency_names_its_partition_mapping(assets: dict[str, Json]) -> None:
    (dependency,) = assets["weekly_report"]["deps"]

    assert dependency["mapping"]["cls"] == "TimeWindowPartitionMapping"
    assert dependency["mapping"]["args"]["allow_nonexistent_upstream_partitions"] is True


def test_manifest_conditions_are_written_once(manifest: Json, assets: dict[str, Json]) -> None:
    condition = manifest["conditions"][assets["customer_value"]["automation"]]

    assert assets["customer_value"]["automation"] == assets["daily_revenue"]["automation"]
    assert len(manifest["conditions"]) == 2
    assert condition["serializable"]
    assert condition["label"] == "eager"
    assert condition["tree"]["children"]


def test_manifest_graph_backed_asset_shows_its_graph(assets: dict[str, Json]) -> None:
    asset = assets["graph_built"]

    ops = {op["name"]: op["deps"] for op in asset["ops"]}
    assert asset["graph_name"] == "graph_built"
    assert ops == {"one": [], "add_one": ["one"]}


def test_manifest_multi_asset_that_subsets_has_no_execution_set(assets: dict[str, Json]) -> None:
    assert assets["region_us"]["op_names"] == assets["region_eu"]["op_names"] == ["split_regions"]
    assert assets["region_us"]["execution_set"] is None


def test_manifest_checks(manifest: Json) -> None:
    checks = {check["name"]: check for check in manifest["checks"]}

    assert checks["orders_have_no_nulls"]["blocking"]
    assert checks["orders_have_no_nulls"]["description"] == "no nulls"
    assert checks["enough_customers"]["asset"] == ["raw_customers"]


def test_manifest_job_of_ops_shows_its_graph_and_config(manifest: Json) -> None:
    job = next(job for job in manifest["jobs"] if job["name"] == "op_job")

    ops = {op["name"]: op["deps"] for op in job["ops"]}
    assert ops == {"fan": [], "work": ["fan"], "collect": ["work"]}
    assert (job["executor"], job["is_single_step"]) == ("in_process", False)
    assert field_type(manifest, job["config"], "ops", "fan", "config", "n")["given_name"] == "Int"


def field_type(manifest: Json, ref: str, *path: str) -> Json:
    found = manifest["config_types"][ref]
    for name in path:
        field = next(field for field in found["fields"] if field["name"] == name)
        found = manifest["config_types"][field["type"]]
    return found


def test_manifest_schedules_sensors_resources_and_variables(manifest: Json) -> None:
    schedules = {item["name"]: item for item in manifest["schedules"]}
    sensors = {item["name"]: item for item in manifest["sensors"]}

    assert schedules["customer_schedule"]["cron"] == ["*/15 * * * *"]
    assert schedules["daily_job_schedule"]["timezone"] == "Europe/Berlin"
    assert sensors["on_customers"]["watched_assets"] == [["raw_customers"]]
    assert sensors["file_sensor"]["jobs"] == ["customer_job"]
    assert manifest["resources"][0]["config"]["dsn"] == {"env": "SHOP_DSN"}
    assert manifest["env_vars"] == {"SHOP_DSN": ["warehouse"]}
