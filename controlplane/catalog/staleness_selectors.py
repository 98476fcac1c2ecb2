"""Which assets and partitions are out of sync. Few questions to the database, however many are asked about."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from controlplane.catalog import current_partitions
from controlplane.catalog.input_partitions import input_partitions
from controlplane.catalog.models import AssetState, PartitionState
from controlplane.catalog.partition_keys import MultiPartitions, OpaquePartitions, Partitions
from controlplane.catalog.selectors import AssetView, asset_definitions
from controlplane.catalog.staleness import Judge, Place, Record, Staleness, data_version, stale_by
from controlplane.catalog.unjudged_inputs import UnjudgedInput, unjudged_inputs
from controlplane.core import recordsets
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.graph import AssetNode
from controlplane.definitions.manifest import PartitionMapping
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission
from tenants.scoping import read_scope

_OLDER = """
    SELECT w.asset_key, w.partition_key, w.id, e.tags
    FROM jsonb_to_recordset(%s::jsonb) AS w(asset_key text, partition_key text, id bigint)
    CROSS JOIN LATERAL (
        SELECT tags FROM asset_event e
        WHERE e.org_id = %s AND e.deployment_id = %s AND e.asset_key = w.asset_key AND e.kind = 'materialization'
            AND e.partition_key = w.partition_key AND e.id <= w.id
        ORDER BY e.id DESC LIMIT 1
    ) e
"""


def staleness_of(visible: Visible, keys: Iterable[str]) -> dict[str, Staleness]:
    """By key, where it can be told: of assets without partitions. Causes by inputs that the caller may not see are left out."""
    found = _judged(visible, [(key, None) for key in keys])
    return {key: one for (key, _partition), one in found.items()}


def staleness_of_partitions(visible: Visible, key: str, partitions: Iterable[str]) -> dict[str, Staleness]:
    """The same of partitions of an asset, by partition key."""
    found = _judged(visible, [(key, partition) for partition in partitions])
    return {partition: one for (_key, partition), one in found.items() if partition is not None}


def with_staleness(visible: Visible, views: Sequence[AssetView]) -> list[AssetView]:
    """The same assets, each with how it stands to its code and inputs."""
    found = staleness_of(visible, [view.key for view in views])
    return [replace(view, staleness=found.get(view.key)) for view in views]


def not_judged_by(visible: Visible, key: str) -> tuple[UnjudgedInput, ...]:
    """By which inputs neither this asset nor any partition of it is judged; of those that the caller may see."""
    node = asset_definitions(visible).graph.nodes.get(key)
    return _seen(visible, _Inputs(visible).unjudged(node)) if node is not None else ()


def _judged(visible: Visible, wanted: Sequence[Place]) -> dict[Place, Staleness]:
    seen = asset_definitions(visible).graph.nodes
    # SECURITY: judged by the whole definitions, or a hidden input would look like a removed one; told only what is seen.
    inputs = _Inputs(visible)
    judge = Judge(visible.whole.graph.nodes, inputs.of, {}, unjudged=inputs.unjudged)
    places = [place for place in wanted if place[0] in seen and judge.can_tell(place)]
    own = _records(visible, judge, set(places))
    # Of what was never made, the inputs say nothing.
    needed = {one for place in places if place in own or place[1] is None for one in judge.needed(place)}
    judge.records = {**own, **_records(visible, judge, needed - set(places))}
    judge.versions = _older(visible, sorted({one for place in places for one in judge.older(place)}))
    found = {place: judge.staleness(place) for place in places}
    return {place: _shown(visible, one) for place, one in found.items() if one is not None}


class _Inputs:
    """Which partitions of an input belong to a place; every definition is looked at once."""

    def __init__(self, visible: Visible) -> None:
        self._visible = visible
        self._known: dict[str, Partitions | None] = {}
        self._mappings: dict[str, dict[str, PartitionMapping | None]] = {}
        self._unjudged: dict[str, tuple[UnjudgedInput, ...]] = {}

    def of(self, node: AssetNode, partition: str | None, upstream: str) -> Sequence[str]:
        parent = self._partitions(upstream)
        if parent is None:
            return []
        if node.key not in self._mappings:
            self._mappings[node.key] = {to_text(dep.asset): dep.mapping for dep in node.asset.deps}
        child = self._partitions(node.key) if partition is not None else None
        return input_partitions(partition, child, parent, self._mappings[node.key].get(upstream))

    def unjudged(self, node: AssetNode) -> tuple[UnjudgedInput, ...]:
        """Which inputs count for nothing; the same for all partitions."""
        if node.key not in self._unjudged:
            nodes = self._visible.whole.graph.nodes
            self._unjudged[node.key] = unjudged_inputs(node, nodes, self._is_opaque)
        return self._unjudged[node.key]

    def _is_opaque(self, key: str) -> bool:
        found = self._partitions(key)
        parts = [part.partitions for part in found.dimensions] if isinstance(found, MultiPartitions) else [found]
        return any(isinstance(part, OpaquePartitions) for part in parts)

    def _partitions(self, key: str) -> Partitions | None:
        if key not in self._known:
            whole, node = self._visible.whole, self._visible.whole.graph.nodes[key]
            manifest, definition = whole.location(node.location).manifest, node.asset.partitions
            org_id, deployment_id = self._visible.org_id, self._visible.deployment_id
            self._known[key] = (
                current_partitions.partitions(org_id, deployment_id, manifest, definition) if definition else None
            )
        return self._known[key]


def _records(visible: Visible, judge: Judge, needed: set[Place]) -> dict[Place, Record]:
    assets = {key for key, partition in needed if partition is None}
    partitions = {place for place in needed if place[1] is not None}
    found: dict[Place, Record] = {}
    with read_scope(visible.org_id):
        rows = AssetState.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        tags = ("asset_key", "deployment_id", "materialization_id", "materialized_at", "materialization_tags")
        for row in rows.filter(asset_key__in=assets).only(*tags, "observation_id", "observed_at", "observation_tags"):
            record = _of_asset(judge.nodes.get(row.asset_key), row)
            if record is not None:
                found[row.asset_key, None] = record
        if partitions:
            states = PartitionState.objects.for_org(visible.org_id).filter(
                deployment_id=visible.deployment_id,
                asset_key__in={key for key, _partition in partitions},
                partition_key__in={partition for _key, partition in partitions},
                materialized_at__isnull=False,
            )
            for state in states.only(*tags, "partition_key"):
                if state.materialization_id is not None and state.materialized_at is not None:
                    at = state.materialized_at.timestamp()
                    found[state.asset_key, state.partition_key] = Record(
                        state.materialization_id, state.materialization_tags, at
                    )
    return found


def _of_asset(node: AssetNode | None, state: AssetState) -> Record | None:
    made = seen = None
    if state.materialization_id is not None and state.materialized_at is not None:
        made = Record(state.materialization_id, state.materialization_tags, state.materialized_at.timestamp())
    if node is not None and node.asset.is_observable and state.observation_id is not None and state.observed_at:
        seen = Record(state.observation_id, state.observation_tags, state.observed_at.timestamp())
    return seen if made is None or (seen is not None and seen.at > made.at) else made


def _older(visible: Visible, wanted: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str, int], str | None]:
    """What versions there were; those whose history was dropped are left out."""
    if not wanted:
        return {}
    rows = [{"asset_key": key, "partition_key": partition, "id": event} for key, partition, event in wanted]
    with read_scope(visible.org_id):
        found = recordsets.fetch(_OLDER, [recordsets.rows(rows), visible.org_id, visible.deployment_id])
    return {(key, partition, event): data_version(msgspec.json.decode(tags)) for key, partition, event, tags in found}


def _shown(visible: Visible, found: Staleness) -> Staleness:
    part = visible.part(Permission.ASSET_READ)
    causes = tuple(cause for cause in found.causes if cause.upstream is None or part.has_asset(cause.upstream))
    unjudged = _seen(visible, found.not_judged_by)
    if len(causes) == len(found.causes) and len(unjudged) == len(found.not_judged_by):
        return found
    return stale_by(causes, unjudged)


def _seen(visible: Visible, inputs: tuple[UnjudgedInput, ...]) -> tuple[UnjudgedInput, ...]:
    part = visible.part(Permission.ASSET_READ)
    return tuple(one for one in inputs if part.has_asset(one.upstream))
