"""Resources, and which definitions use them."""

from typing import Any

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.event_data import asset_path
from daggerboard_worker.manifest.config_types import field_json
from daggerboard_worker.manifest.interning import Json


def resource_json(snap: Any) -> Json:
    return {
        "name": snap.name,
        "type": snap.resource_type,
        "description": plain_json(snap.resource_snapshot.description) if snap.resource_snapshot else None,
        "is_top_level": bool(snap.is_top_level),
        "fields": sorted((field_json(field) for field in snap.config_field_snaps), key=lambda field: field["name"]),
        "config": {name: configured_value(value) for name, value in sorted((snap.configured_values or {}).items())},
        "nested": {name: item.name for name, item in sorted((snap.nested_resources or {}).items())},
        "assets": sorted(asset_path(key) for key in snap.asset_keys_using or []),
        "jobs": sorted(use.job_name for use in snap.job_ops_using or []),
        "schedules": sorted(snap.schedules_using or []),
        "sensors": sorted(snap.sensors_using or []),
    }


def configured_value(value: Any) -> Json:
    return {"json": plain_json(value)} if isinstance(value, str) else {"env": value.name}
