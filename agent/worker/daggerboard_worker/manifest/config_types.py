"""Config schemas, type by type, under dagster's own keys (which are hashes of their content)."""

from typing import Any

from dagster._config.snap import snap_from_config_type

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.manifest.interning import Interned, Json


def config_type_ref(interned: Interned, config_type: Any) -> str | None:
    if config_type is None:
        return None
    if config_type.key not in interned.config_types:
        for nested in config_type.type_iterator():
            if nested.key not in interned.config_types:
                interned.config_types[nested.key] = config_type_json(snap_from_config_type(nested))
    return str(config_type.key)


def config_type_json(snap: Any) -> Json:
    fields = [field_json(field) for field in snap.fields] if snap.fields is not None else None
    return {
        "kind": snap.kind.value,
        "given_name": snap.given_name,
        "description": plain_json(snap.description),
        "scalar": snap.scalar_kind.value if snap.scalar_kind else None,
        "type_params": list(snap.type_param_keys) if snap.type_param_keys else None,
        "enum": [value.value for value in snap.enum_values] if snap.enum_values else None,
        "fields": fields,
    }


def field_json(field: Any) -> Json:
    return {
        "name": field.name,
        "type": field.type_key,
        "required": field.is_required,
        "default": plain_json(field.default_value_as_json_str) if field.default_provided else None,
        "description": plain_json(field.description),
    }
