"""Put the manifest together from dagster's RepositorySnap and the definitions it was made of."""

import platform
from typing import Any

from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from daggerboard_worker import __version__
from daggerboard_worker.compat import DAGSTER_VERSION
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.manifest.assets import asset_json, check_json
from daggerboard_worker.manifest.instigators import schedule_json, sensor_json
from daggerboard_worker.manifest.interning import Interned, Json
from daggerboard_worker.manifest.jobs import job_json
from daggerboard_worker.manifest.resources import resource_json

MANIFEST_VERSION = 1


def repository_snapshot(loaded: LoadedLocation) -> Any:
    """Job snapshots are left out: they are large, and the evaluator does not need them."""
    return RepositorySnap.from_def(loaded.repository, defer_snapshots=True)


def snapshot_bytes(snapshot: Any) -> bytes:
    return str(serialize_value(snapshot)).encode()


def build_manifest(loaded: LoadedLocation, snapshot: Any) -> Json:
    interned = Interned()
    graph = loaded.repository.asset_graph
    jobs = sorted(loaded.repository.get_all_jobs(), key=lambda job: str(job.name))
    content = {
        "assets": [asset_json(interned, graph, snap) for snap in sorted(snapshot.asset_nodes, key=asset_order)],
        "checks": [
            check_json(interned, graph, snap) for snap in sorted(snapshot.asset_check_nodes or [], key=check_order)
        ],
        "jobs": [job_json(interned, job) for job in jobs],
        "schedules": [schedule_json(graph, snap) for snap in sorted(snapshot.schedules, key=by_name)],
        "sensors": [sensor_json(graph, snap) for snap in sorted(snapshot.sensors, key=by_name)],
        "resources": [resource_json(snap) for snap in sorted(snapshot.resources or [], key=by_name)],
        "loggers": sorted({logger for job in jobs for logger in job.loggers}),
        "env_vars": env_vars(snapshot),
    }
    return {**header(loaded), **content, **tables(interned)}


def header(loaded: LoadedLocation) -> Json:
    return {
        "manifest_version": MANIFEST_VERSION,
        "worker_version": __version__,
        "dagster_version": DAGSTER_VERSION,
        "python_version": platform.python_version(),
        "repository": loaded.repository.name,
        "location": loaded.location.name,
    }


def tables(interned: Interned) -> Json:
    return {
        "partitions_definitions": interned.partitions_definitions,
        "conditions": interned.conditions,
        "config_types": interned.config_types,
    }


def env_vars(snapshot: Any) -> Json:
    """Environment variables that resources read, and which of them."""
    return {
        name: sorted(consumer.name for consumer in consumers)
        for name, consumers in (snapshot.utilized_env_vars or {}).items()
    }


def by_name(snap: Any) -> str:
    return str(snap.name)


def asset_order(snap: Any) -> list[str]:
    return list(snap.asset_key.path)


def check_order(snap: Any) -> tuple[list[str], str]:
    return list(snap.asset_key.path), snap.name
