"""How many of each there are, and one hash over all edges: for the `ready` message and for `inspect`."""

import hashlib
from typing import Any

from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.manifest.interning import Json


def counts(manifest: Json) -> dict[str, int]:
    return {
        "assets": len(manifest["assets"]),
        "checks": len(manifest["checks"]),
        "jobs": len(manifest["jobs"]),
        "schedules": len(manifest["schedules"]),
        "sensors": len(manifest["sensors"]),
        "resources": len(manifest["resources"]),
        "partitions_definitions": len(manifest["partitions_definitions"]),
    }


def inspection(loaded: LoadedLocation, manifest: Json) -> Json:
    """For comparison with dagster's own `repo.asset_graph`: what it says must be what the manifest says."""
    partitioned = [asset for asset in manifest["assets"] if asset["partitions"]]
    return {
        "location": loaded.location.name,
        "repository": loaded.repository.name,
        "dagster_version": manifest["dagster_version"],
        **counts(manifest),
        "implicit_jobs": sum(1 for job in manifest["jobs"] if job["implicit"]),
        "partitions": len(partitioned),
        "edge_sha256": edge_sha256(manifest["assets"]),
    }


def edge_sha256(assets: list[Json]) -> str:
    lines = sorted(edge_line(asset) for asset in assets)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def edge_line(asset: Json) -> str:
    parents: list[Any] = sorted("/".join(dependency["asset"]) for dependency in asset["deps"])
    return f"{'/'.join(asset['key'])} -> {','.join(parents)}"
