"""The latest records of what a run reads and does not make itself, sent along with its launch, so that it need not ask for them."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from controlplane.catalog.models import AssetState, PartitionState
from controlplane.definitions import selectors as definitions
from controlplane.definitions.asset_keys import to_parts, to_text
from controlplane.definitions.manifest import Asset, Dependency
from controlplane.deployments.models import LocationVersion
from controlplane.runs.instance_assets import asset_record
from controlplane.runs.instance_scope import Scope
from controlplane.runs.models import Run

# What does not fit is asked for: a launch must stay small.
_RECORDS_MAX = 100
_BYTES_MAX = 256 * 1024
_INDEXES = 32
_SAME_PARTITION = frozenset({"IdentityPartitionMapping"})

AssetIndex = dict[str, Asset]
_indexes: OrderedDict[str, AssetIndex] = OrderedDict()


def input_records(org_id: UUID, runs: Sequence[Run]) -> dict[UUID, list[dict[str, Any]]]:
    """By run, the answers of `asset_records` for its inputs; runs without any are left out. Call it inside `org_scope`."""
    wanted = {run.version_id for run in runs if run.target_assets}
    versions = LocationVersion.objects.for_org(org_id).filter(id__in=wanted).values_list("id", "manifest_sha256")
    hashes = {version_id: sha256 for version_id, sha256 in versions if sha256}
    found = {run.id: _of_run(run, _index(org_id, hashes[run.version_id])) for run in runs if run.version_id in hashes}
    return {run_id: records for run_id, records in found.items() if records}


def _index(org_id: UUID, sha256: str) -> AssetIndex:
    """The assets of a manifest by key. Content-addressed: equal hashes, equal assets."""
    index = _indexes.get(sha256)
    if index is None:
        index = {to_text(asset.key): asset for asset in definitions.manifest(org_id, sha256).assets}
        _indexes[sha256] = index
        while len(_indexes) > _INDEXES:
            _indexes.popitem(last=False)
    return index


def _of_run(run: Run, index: AssetIndex) -> list[dict[str, Any]]:
    inputs = _inputs(run, index)
    if not inputs or len(inputs) > _RECORDS_MAX:
        return []
    scope = Scope(run.org_id, run.deployment_id, run.id)
    states = {state.asset_key: state for state in scope.rows(AssetState).filter(asset_key__in=list(inputs))}
    tags = _partition_tags(scope, run.partition_key, [key for key, same in inputs.items() if same])
    records = [_record(key, states.get(key), tags.get(key)) for key in inputs]
    return records if len(msgspec.json.encode(records)) <= _BYTES_MAX else []


def _inputs(run: Run, index: AssetIndex) -> dict[str, bool]:
    """Upstreams that are not made by this run, and whether the run reads the partition of its own key there."""
    made, inputs = set(run.target_assets), dict[str, bool]()
    for key in run.target_assets:
        asset = index.get(key)
        for dependency in asset.deps if asset else ():
            upstream = to_text(dependency.asset)
            if upstream not in made and asset is not None:
                inputs[upstream] = inputs.get(upstream, True) and _is_same_partition(
                    asset, dependency, index.get(upstream)
                )
    return inputs


def _is_same_partition(asset: Asset, dependency: Dependency, upstream: Asset | None) -> bool:
    if upstream is None or asset.partitions is None or asset.partitions != upstream.partitions:
        return False
    return dependency.mapping is None or dependency.mapping.cls in _SAME_PARTITION


def _partition_tags(scope: Scope, partition: str | None, assets: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of each asset: the tags of the latest materialization of this partition, null where there is none."""
    wanted = list(assets)
    if partition is None or not wanted:
        return {}
    rows = scope.rows(PartitionState).filter(
        asset_key__in=wanted, partition_key=partition, materialization_id__isnull=False
    )
    tags = dict(rows.values_list("asset_key", "materialization_tags"))
    return {asset: {partition: tags.get(asset)} for asset in wanted}


def _record(key: str, state: AssetState | None, partition_tags: dict[str, Any] | None) -> dict[str, Any]:
    record = asset_record(state) if state else {"asset": to_parts(key), "id": 0}
    return {**record, "partition_tags": partition_tags} if partition_tags is not None else record
