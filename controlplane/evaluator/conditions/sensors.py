"""Which conditions are evaluated: those that a running sensor of conditions selects. Each is evaluated by itself, as dagster does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dagster._core.definitions.asset_key import AssetKey, EntityKey
from dagster._core.definitions.automation_condition_sensor_definition import (
    EMIT_BACKFILLS_METADATA_KEY,
    asset_job_keys_from_sensor_metadata,
)
from dagster._core.remote_representation.external import RemoteRepository, RemoteSensor
from django.db.models import QuerySet

from controlplane.automation.instigators.running import EVALUATED_HERE
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.evaluator.conditions.observing import interval
from controlplane.evaluator.graph import DeploymentGraph

SENSOR_TAG = "dagster/sensor_name"


@dataclass(frozen=True)
class ConditionSensor:
    """One running sensor: whose row it is, which conditions are its, and the tags of its runs."""

    instigator_id: UUID
    location: str
    name: str
    entities: frozenset[EntityKey]
    run_tags: Mapping[str, str]
    emits_backfills: bool
    # Observable source assets that are observed every so many minutes.
    observed: frozenset[AssetKey] = frozenset()


def running(org_id: UUID, deployment_id: UUID) -> list[Instigator]:
    """Rows of the sensors with conditions that run, by location and name. Call it inside org_scope."""
    rows: QuerySet[Instigator] = Instigator.objects.for_org(org_id).filter(
        deployment_id=deployment_id,
        kind=InstigatorKind.SENSOR,
        sensor_type=EVALUATED_HERE,
        is_running=True,
        is_defined=True,
    )
    return list(rows.order_by("location_name", "name"))


def resolved(graph: DeploymentGraph, rows: list[Instigator]) -> list[ConditionSensor]:
    """What each of them selects. One whose location or definition is not in the graph is left out."""
    found = []
    for row in rows:
        repository = graph.repositories.get(row.location_name)
        if repository is None or not repository.has_sensor(row.name):
            continue
        sensor = repository.get_sensor(row.name)
        selected = _selected(graph, repository, sensor)
        found.append(
            ConditionSensor(
                instigator_id=row.id,
                location=row.location_name,
                name=row.name,
                entities=_entities(graph, repository, sensor, selected),
                run_tags={
                    SENSOR_TAG: row.name,
                    **{name: str(value) for name, value in (sensor.run_tags or {}).items()},
                },
                emits_backfills=_emits_backfills(sensor),
                observed=frozenset(
                    key for key in selected if isinstance(key, AssetKey) and interval(graph.asset_graph, key)
                ),
            )
        )
    return found


def _emits_backfills(sensor: RemoteSensor) -> bool:
    """As its definition says; dagster's own does unless it is told otherwise."""
    metadata = sensor.metadata.standard_metadata if sensor.metadata else None
    return EMIT_BACKFILLS_METADATA_KEY in (metadata or {})


def _selected(graph: DeploymentGraph, repository: RemoteRepository, sensor: RemoteSensor) -> frozenset[EntityKey]:
    """Assets and checks, whether they have a condition or not."""
    selection: Any = sensor.asset_selection
    own = repository.asset_graph
    keys: set[EntityKey] = set()
    if selection is not None:
        keys = selection.resolve(own, allow_missing=True) | selection.resolve_checks(own, allow_missing=True)
    return _owned(graph, repository, (key for key in keys if own.has(key)))


def _entities(
    graph: DeploymentGraph, repository: RemoteRepository, sensor: RemoteSensor, selected: Iterable[EntityKey]
) -> frozenset[EntityKey]:
    own = repository.asset_graph
    conditioned = frozenset(key for key in selected if own.get(key).automation_condition is not None)
    return conditioned | _owned(graph, repository, asset_job_keys_from_sensor_metadata(sensor.metadata))


def _owned(graph: DeploymentGraph, repository: RemoteRepository, keys: Iterable[EntityKey]) -> frozenset[EntityKey]:
    """Of what two locations define, one definition is in the graph; the other's must not launch as well."""
    origin = repository.handle.get_remote_origin()
    return frozenset(key for key in keys if graph.asset_graph.has(key) and _origin(graph, key) == origin)


def _origin(graph: DeploymentGraph, key: EntityKey) -> Any:
    return graph.asset_graph.get_repository_handle(key).get_remote_origin()
