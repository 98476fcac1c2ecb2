"""Jobs, dagster's implicit asset job among them."""

from typing import Any

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.compat import selected_asset_keys, selected_check_keys
from daggerboard_worker.event_data import asset_path
from daggerboard_worker.manifest.config_types import config_type_ref
from daggerboard_worker.manifest.graphs import ops_json
from daggerboard_worker.manifest.interning import Interned, Json
from daggerboard_worker.manifest.partitions import partitions_ref
from daggerboard_worker.metadata import metadata_json

IMPLICIT_PREFIX = "__ASSET_JOB"


def is_implicit(name: str) -> bool:
    return name.startswith(IMPLICIT_PREFIX)


def job_json(interned: Interned, job: Any) -> Json:
    assets = selected_asset_keys(job)
    checks = selected_check_keys(job)
    ops = list(job.graph.iterate_op_defs())
    return {
        "name": job.name,
        "description": plain_json(job.description),
        "implicit": is_implicit(job.name),
        "tags": plain_json(job.tags),
        "run_tags": plain_json(job.run_tags),
        "metadata": metadata_json(job.metadata),
        "assets": [asset_path(key) for key in assets],
        "checks": [[asset_path(key.asset_key), key.name] for key in checks],
        # The ops of an asset job say nothing that its assets do not.
        "ops": None if assets or checks else ops_json(job.graph),
        "op_count": len(ops),
        "is_single_step": len(ops) == 1,
        "config": config_type_ref(interned, job.run_config_schema.config_type),
        "partitions": partitions_ref(interned, job.partitions_def),
        "executor": job.executor_def.name,
        "has_own_executor": bool(job.has_specified_executor),
        "loggers": sorted(job.loggers),
        "resources": sorted(job.resource_defs),
    }
