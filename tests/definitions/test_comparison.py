"""What changed between two sets of definitions: of real projects, as the code worker writes them, and corner cases."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from controlplane.definitions.comparison import compare
from controlplane.definitions.differences import Change, Kind, Reason
from controlplane.definitions.manifest import ConfigField, ConfigType, Job, Manifest, PartitionsDefinition
from tests.factories import asset, make_manifest

HERE = Path(__file__).parent
WORKER = HERE.parents[1] / "agent/worker"
PROJECT = HERE / "projects/warehouse"
GOLDEN = HERE / "golden/branch_changes.json"


def written(state: str) -> Manifest:
    """What the worker makes of a state of the project."""
    folder = PROJECT / state
    command = [sys.executable, HERE / "manifest_of_project.py", WORKER, folder, folder / "warehouse.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=Manifest)


@pytest.fixture(scope="module")
def before() -> Manifest:
    return written("before")


@pytest.fixture(scope="module")
def after() -> Manifest:
    return written("after")


def test_every_kind_of_change_of_a_real_project(before: Manifest, after: Manifest) -> None:
    found = compare({"warehouse": before}, {"warehouse": after}).document()

    assert found == json.loads(GOLDEN.read_text())


def test_same_code_loaded_twice_differs_in_nothing(before: Manifest) -> None:
    assert compare({"warehouse": before}, {"warehouse": written("before")}).is_empty


def test_ids_of_shared_parts_mean_nothing(before: Manifest) -> None:
    """Another worker may name partitions, conditions and config types otherwise."""
    text = msgspec.json.encode(before).decode()
    names = [*before.partitions_definitions, *before.conditions, *before.config_types]
    for name in names:
        text = text.replace(f'"{name}"', f'"renamed-{name}"')

    assert compare({"warehouse": before}, {"warehouse": msgspec.json.decode(text, type=Manifest)}).is_empty


def test_location_on_one_side_is_added_or_removed_with_all_that_is_in_it() -> None:
    manifest = make_manifest()

    added, removed = compare({}, {"shop": manifest}), compare({"shop": manifest}, {})

    assert {d.change for d in added.differences} == {Change.ADDED}
    assert {d.change for d in removed.differences} == {Change.REMOVED}
    assert [d.name for d in removed.of(Kind.ASSET)] == ["daily", "raw", "report"]
    assert [d.name for d in removed.of(Kind.JOB)] == ["nightly"]
    assert removed.totals == {"added": 0, "changed": 0, "removed": 5}
    assert removed.affected == ()


def test_change_affects_assets_of_other_locations() -> None:
    report = make_manifest([asset("raw", is_external=True, is_executable=False), asset("report", "raw")], location="b")

    found = compare(
        {"a": make_manifest([asset("raw", code_version="1")], location="a"), "b": report},
        {"a": make_manifest([asset("raw", code_version="2")], location="a"), "b": report},
    )

    assert [(d.name, d.location, d.reasons) for d in found.differences] == [("raw", "a", (Reason.CODE_VERSION,))]
    assert [(one.key, one.location) for one in found.affected] == [("report", "b")]


def test_removed_asset_affects_what_was_below_it() -> None:
    old = make_manifest([asset("a"), asset("b", "a"), asset("c", "b")])
    new = make_manifest([asset("b"), asset("c", "b")])

    found = compare({"shop": old}, {"shop": new})

    assert found.assets["a"].change == Change.REMOVED
    assert found.assets["b"].reasons == (Reason.DEPENDENCIES,)
    assert [one.key for one in found.affected] == ["c"]


def test_words_about_an_asset_affect_nothing() -> None:
    old = make_manifest([asset("a", tags={"tier": "1"}), asset("b", "a")])
    new = make_manifest([asset("a", tags={"tier": "2"}), asset("b", "a")])

    found = compare({"shop": old}, {"shop": new})

    assert [d.reasons for d in found.differences] == [(Reason.TAGS,)]
    assert found.affected == ()


def test_asset_that_moves_to_another_location_is_one_change() -> None:
    old = {"a": make_manifest([asset("x")], location="a"), "b": make_manifest([asset("y")], location="b")}
    new = {"a": make_manifest([asset("z")], location="a"), "b": make_manifest([asset("x"), asset("y")], location="b")}

    found = compare(old, new).assets

    assert (found["x"].change, found["x"].location, found["x"].reasons) == (Change.CHANGED, "b", (Reason.LOCATION,))


def test_place_of_the_code_on_a_machine_is_no_change() -> None:
    def at(path: str) -> dict[str, Any]:
        return {"dagster/code_references": {"type": "json", "value": path}}

    old, new = (make_manifest([asset("a", metadata=at(path))]) for path in ("/one/a.py:3", "/two/a.py:9"))

    assert compare({"shop": old}, {"shop": new}).is_empty


def test_dimensions_of_partitions_are_compared_by_content() -> None:
    def of(keys: list[str]) -> Manifest:
        day = PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=keys)
        both = {"kind": "multi", "cls": "Multi", "dimensions": [{"name": "day", "partitions": "p1"}]}
        table = {"p1": day, "p2": msgspec.convert(both, PartitionsDefinition)}
        return make_manifest([asset("a", partitions="p2")], partitions_definitions=table)

    assert compare({"s": of(["1"])}, {"s": of(["1", "2"])}).assets["a"].reasons == (Reason.PARTITIONS,)
    assert compare({"s": of(["1"])}, {"s": of(["1"])}).is_empty


def test_config_type_inside_itself_is_compared() -> None:
    def of(scalar: str) -> Manifest:
        types = {
            "root": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="next", type="root"), _limit]),
            "limit": ConfigType(kind="SCALAR", scalar=scalar),
        }
        return replace(make_manifest(jobs=[Job(name="j", config="root")]), config_types=types)

    _limit = ConfigField(name="limit", type="limit")

    assert [d.reasons for d in compare({"s": of("INT")}, {"s": of("STRING")}).differences] == [(Reason.CONFIG,)]
    assert compare({"s": of("INT")}, {"s": of("INT")}).is_empty
