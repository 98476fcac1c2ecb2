"""Which conditions are evaluated: those that a running sensor of conditions selects. Each is evaluated by itself, as dagster does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dagster._core.definitions.asset_key import EntityKey
from dagster._core.definitions.automation_condition_sensor_definition import (
    EMIT_BACKFILLS_METADATA_KEY,
    asset_job_keys_from_sensor_metadata,
)
from dagster._core.remote_representation.external import RemoteRepository, RemoteSensor
from django.db.models import QuerySet

from controlplane.automation.instigators.running import EVALUATED_HERE
from controlplane.automation.models import Instigator, InstigatorKind
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
        found.append(
            ConditionSensor(
                instigator_id=row.id,
                location=row.location_name,
                name=row.name,
                entities=_entities(graph, repository, sensor),
                run_tags={
                    SENSOR_TAG: row.name,
                    **{name: str(value) for name, value in (sensor.run_tags or {}).items()},
                },
                emits_backfills=_emits_backfills(sensor),
            )
        )
    return found


def _emits_backfills(sensor: RemoteSensor) -> bool:
    """As its definition says; dagster's own does unless it is told otherwise."""
    metadata = sensor.metadata.standard_metadata if sensor.metadata else None
    return EMIT_BACKFILLS_METADATA_KEY in (metadata or {})


def _entities(graph: DeploymentGraph, repository: RemoteRepository, sensor: RemoteSensor) -> frozenset[EntityKey]:
    selection: Any = sensor.asset_selection
    own = repository.asset_graph
    keys: set[EntityKey] = set()
    if selection is not None:
        keys = selection.resolve(own, allow_missing=True) | selection.resolve_checks(own, allow_missing=True)
    origin = repository.handle.get_remote_origin()
    keys = {key for key in keys if own.has(key) and own.get(key).automation_condition is not None}
    jobs = asset_job_keys_from_sensor_metadata(sensor.metadata)
    # Of what two locations define, one definition is in the graph; the other's condition must not launch as well.
    return frozenset(key for key in (*keys, *jobs) if graph.asset_graph.has(key) and _origin(graph, key) == origin)


def _origin(graph: DeploymentGraph, key: EntityKey) -> Any:
    return graph.asset_graph.get_repository_handle(key).get_remote_origin()
