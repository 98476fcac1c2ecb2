"""Schedules and sensors."""

from typing import Any

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.event_data import asset_path
from daggerboard_worker.manifest.interning import Json
from daggerboard_worker.metadata import metadata_json


def schedule_json(graph: Any, snap: Any) -> Json:
    return {
        **instigator_json(graph, snap),
        "cron": [snap.cron_schedule] if isinstance(snap.cron_schedule, str) else list(snap.cron_schedule),
        "timezone": snap.execution_timezone,
        "job": snap.job_name,
    }


def sensor_json(graph: Any, snap: Any) -> Json:
    watched = getattr(snap.metadata, "asset_keys", None) if snap.metadata else None
    targets = snap.target_dict or {}
    return {
        **instigator_json(graph, snap),
        "sensor_type": snap.sensor_type.value if snap.sensor_type else None,
        "min_interval_seconds": snap.min_interval,
        "jobs": sorted(target.job_name for target in targets.values()),
        "watched_assets": sorted(asset_path(key) for key in watched) if watched else [],
    }


def instigator_json(graph: Any, snap: Any) -> Json:
    selection = getattr(snap, "asset_selection", None)
    extra = getattr(snap, "metadata", None)
    return {
        "name": snap.name,
        "description": plain_json(snap.description),
        "default_status": snap.default_status.value if snap.default_status else None,
        "asset_selection": str(selection) if selection is not None else None,
        "assets": selected_assets(graph, selection),
        "tags": plain_json(getattr(snap, "tags", None) or {}),
        "run_tags": plain_json(getattr(snap, "run_tags", None) or {}),
        "metadata": metadata_json(getattr(extra, "standard_metadata", extra if isinstance(extra, dict) else None)),
        "owners": sorted(getattr(snap, "owners", None) or []),
    }


def selected_assets(graph: Any, selection: Any) -> list[list[str]] | None:
    """The assets that a selection picks in this location; null when the definition selects none itself."""
    if selection is None:
        return None
    return [asset_path(key) for key in sorted(selection.resolve(graph, allow_missing=True))]
