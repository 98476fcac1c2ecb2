"""The run config of jobs that show only in part: without the fields of what is hidden. Pure."""

import json
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Asset, ConfigField, ConfigType, Job, Manifest

_OPS = "ops"


def without_ops_of(manifest: Manifest, jobs: Sequence[Job]) -> Manifest:
    """The manifest, in which the config of these jobs knows the ops of their assets only. Types are interned: each job gets its own."""
    types, changed = dict(manifest.config_types), {}
    assets = {to_text(asset.key): asset for asset in manifest.assets}
    for job in jobs:
        root = types.get(job.config or "")
        if root is not None:
            ops = op_names(assets[key] for key in map(to_text, job.assets) if key in assets)
            types |= _narrowed(types, root, ops, name=f"{job.config}:{job.name}")
            changed[job.name] = replace(job, config=f"{job.config}:{job.name}")
    if not changed:
        return manifest
    return replace(manifest, config_types=types, jobs=[changed.get(job.name, job) for job in manifest.jobs])


def op_names(assets: Iterable[Asset]) -> set[str]:
    """The outermost ops that compute these assets."""
    return {asset.graph_name or name.split(".")[0] for asset in assets for name in asset.op_names}


def _narrowed(types: dict[str, ConfigType], root: ConfigType, ops: set[str], *, name: str) -> dict[str, ConfigType]:
    """The root under a new name, and its table of ops; that stays open, so that what is not listed is no mistake."""
    made = {}
    fields = []
    for given in root.fields or []:
        field = given
        if field.name == _OPS:
            table = types.get(field.type)
            made[f"{name}:{_OPS}"] = ConfigType(
                kind="PERMISSIVE_SHAPE", fields=[f for f in (table.fields or []) if f.name in ops] if table else []
            )
            field = replace(field, type=f"{name}:{_OPS}", default=_default(field, ops))
        fields.append(field)
    return {**made, name: replace(root, fields=fields)}


def _default(field: ConfigField, ops: set[str]) -> str | None:
    try:
        given = json.loads(field.default or "null")
    except ValueError:
        return None
    return json.dumps({op: value for op, value in given.items() if op in ops}) if isinstance(given, dict) else None
