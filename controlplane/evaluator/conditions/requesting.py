"""From the runs that dagster requests to the runs that we store as asked for."""

from collections.abc import Mapping

import dagster

from controlplane.automation.requests import Asked
from controlplane.evaluator.entities import text_of
from controlplane.runs.requests import RunRequest

# Dagster's own tags.
FROM_CONDITION_TAG = "dagster/from_automation_condition"
EVALUATION_TAG = "dagster/asset_evaluation_id"


def asked(location: str, number: int, request: dagster.RunRequest) -> Asked:
    """One run of a job, or of assets and checks, of one code location."""
    tags: Mapping[str, str] = {**request.tags, FROM_CONDITION_TAG: "true", EVALUATION_TAG: str(number)}
    if request.job_name:
        wanted = RunRequest(location=location, job=request.job_name, partition=request.partition_key, tags=tags)
    else:
        wanted = RunRequest(
            location=location,
            assets=_texts(request.asset_selection),
            checks=_texts(request.asset_check_keys),
            partition=request.partition_key,
            tags=tags,
        )
    return Asked(wanted)


def _texts(keys: object) -> list[str] | None:
    return None if keys is None else sorted(text_of(key) for key in keys)  # type: ignore[attr-defined]  # a list of keys
