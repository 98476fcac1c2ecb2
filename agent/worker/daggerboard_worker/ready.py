"""Load the location and say so: the `ready` or `load_failed` message of the control channel."""

import platform
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daggerboard_worker import __version__
from daggerboard_worker.error_info import load_error_info
from daggerboard_worker.loading import LoadedLocation, load_location
from daggerboard_worker.locations import Location
from daggerboard_worker.requirements import dagster_version

Json = dict[str, Any]


@dataclass(frozen=True)
class LoadResult:
    loaded: LoadedLocation | None
    message: Json


def load_and_describe(location: Location, scratch: Path) -> LoadResult:
    started = time.monotonic()
    try:
        loaded = load_location(location)
        described = describe(loaded, scratch)
    except BaseException as error:  # noqa: BLE001 - user code may call sys.exit() on import
        return LoadResult(None, load_failed(error, started))
    return LoadResult(loaded, {"t": "ready", "load_seconds": seconds_since(started), **versions(), **described})


def describe(loaded: LoadedLocation, scratch: Path) -> Json:
    from daggerboard_worker.canonical import canonical_json, store
    from daggerboard_worker.manifest.build import build_manifest, repository_snapshot, snapshot_bytes
    from daggerboard_worker.manifest.counts import counts

    snapshot = repository_snapshot(loaded)
    manifest = build_manifest(loaded, snapshot)
    return {
        "counts": counts(manifest),
        "manifest": store(canonical_json(manifest), scratch),
        "snapshot": store(snapshot_bytes(snapshot), scratch),
    }


def load_failed(error: BaseException, started: float) -> Json:
    return {
        "t": "load_failed",
        "error": load_error_info(error),
        "load_seconds": seconds_since(started),
        **versions(),
    }


def versions() -> Json:
    return {
        "dagster_version": dagster_version(),
        "python_version": platform.python_version(),
        "worker_version": __version__,
    }


def process_facts() -> Json:
    from daggerboard_worker.metering import rss_bytes

    native = len(list(Path("/proc/self/task").iterdir()))
    return {"threads": max(native, threading.active_count()), "rss_bytes": rss_bytes()}


def seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 3)
