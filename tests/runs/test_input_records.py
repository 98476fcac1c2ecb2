"""A launch carries the latest records of what the run reads, and of nothing else."""

from controlplane.definitions.manifest import Dependency, PartitionMapping, PartitionsDefinition
from controlplane.runs.input_records import input_records
from tenants.scoping import org_scope
from tests.factories import asset, make_manifest
from tests.runs.scripts import Stage, make_stage, materialization

PARTITIONS = {"letters": PartitionsDefinition(kind="static", cls="S", keys=["a", "b"])}


def shop() -> Stage:
    shifted = Dependency(asset=["shifted"], mapping=PartitionMapping(cls="TimeWindowPartitionMapping"))
    same, other = asset("same", partitions="letters"), asset("shifted", partitions="letters")
    report = asset("report", "plain", "same", "never", partitions="letters")
    report = type(report)(
        **{**{f: getattr(report, f) for f in report.__struct_fields__}, "deps": [*report.deps, shifted]}
    )
    return make_stage(
        make_manifest([asset("plain"), same, other, asset("never"), report], partitions_definitions=PARTITIONS)
    )


def test_inputs_are_what_is_read_and_not_made() -> None:
    stage = shop()
    maker = stage.claimed(assets=["plain"])
    for name, partition in (("plain", None), ("same", "a"), ("shifted", "a")):
        body = materialization(name, partition, tags={"v": name})
        maker.event("ASSET_MATERIALIZATION", step=name, data=body, serdes=f'"{name}"')
    maker.flush()
    run = stage.request(assets=["report"], partition="a")
    with org_scope(stage.org_id):
        records = {record["asset"][0]: record for record in input_records(stage.org_id, [run])[run.id]}
    assert set(records) == {"plain", "same", "never", "shifted"}
    assert records["plain"]["materialization"]["serdes"] == '"plain"'
    assert records["same"]["partition_tags"] == {"a": {"v": "same"}}
    assert records["never"] == {"asset": ["never"], "id": 0}
    assert "partition_tags" not in records["shifted"]


def test_a_run_that_makes_its_inputs_needs_none() -> None:
    stage = make_stage()
    run = stage.request(assets=["raw", "daily", "report"])
    with org_scope(stage.org_id):
        assert input_records(stage.org_id, [run]) == {}
