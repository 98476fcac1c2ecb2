"""What an event says beyond its message: `data` of the contract's Event, by the class of dagster's event data."""

from collections.abc import Callable
from typing import Any

from daggerboard_worker.bounds import NAME_BYTES, clean_text, plain_json
from daggerboard_worker.error_info import error_info
from daggerboard_worker.metadata import metadata_json

Json = dict[str, Any]


def asset_path(key: Any) -> list[str]:
    return [clean_text(part, NAME_BYTES) for part in key.path]


def asset_event(event: Any) -> Json:
    return {
        "asset": asset_path(event.asset_key),
        "partition": plain_json(event.partition),
        "description": plain_json(event.description),
        "metadata": metadata_json(event.metadata),
        "tags": plain_json(event.tags or {}),
    }


def check_evaluation(data: Any) -> Json:
    target = data.target_materialization_data
    return {
        "check": {
            "asset": asset_path(data.asset_check_key.asset_key),
            "name": clean_text(data.asset_check_key.name, NAME_BYTES),
            "passed": bool(data.passed),
            "severity": data.severity.value,
            "blocking": getattr(data, "blocking", None),
            "description": plain_json(data.description),
            "metadata": metadata_json(data.metadata),
            "partition": plain_json(getattr(data, "partition", None)),
            # Without an id when this very run made the target: its events have no ids yet.
            "target": {"run_id": target.run_id, "id": target.storage_id or None, "ts": target.timestamp}
            if target
            else None,
        }
    }


def step_failure(data: Any) -> Json:
    failure = data.user_failure_data
    said = failure and {"description": plain_json(failure.description), "metadata": metadata_json(failure.metadata)}
    return {"failure": said, "source": data.error_source.value if data.error_source else None}


def step_output(data: Any) -> Json:
    return {
        "output": data.output_name,
        "mapping_key": data.mapping_key,
        "version": plain_json(data.version),
        "metadata": metadata_json(data.metadata),
    }


def loaded_input(data: Any) -> Json:
    return {
        "input": data.input_name,
        "manager": data.manager_key,
        "upstream_step": data.upstream_step_key,
        "upstream_output": data.upstream_output_name,
        "metadata": metadata_json(data.metadata),
    }


def handled_output(data: Any) -> Json:
    return {"output": data.output_name, "manager": data.manager_key, "metadata": metadata_json(data.metadata)}


def engine(data: Any) -> Json:
    return {
        "metadata": metadata_json(data.metadata),
        "marker_start": data.marker_start,
        "marker_end": data.marker_end,
    }


def expectation(data: Any) -> Json:
    result = data.expectation_result
    return {
        "success": bool(result.success),
        "label": plain_json(result.label),
        "description": plain_json(result.description),
        "metadata": metadata_json(result.metadata),
    }


def failed_to_materialize(data: Any) -> Json:
    return {
        "asset": asset_path(data.asset_key),
        "partition": plain_json(data.partition),
        "reason": data.reason.value if data.reason else None,
    }


def planned_check(data: Any) -> Json:
    return {"asset": asset_path(data.asset_key), "name": data.check_name}


DATA: dict[str, Callable[[Any], Json]] = {
    "StepMaterializationData": lambda data: {"materialization": asset_event(data.materialization)},
    "AssetObservationData": lambda data: {"observation": asset_event(data.asset_observation)},
    "AssetCheckEvaluation": check_evaluation,
    "AssetCheckEvaluationPlanned": planned_check,
    "AssetMaterializationPlannedData": lambda data: {
        "asset": asset_path(data.asset_key),
        "partition": plain_json(data.partition),
    },
    "AssetFailedToMaterializeData": failed_to_materialize,
    "StepFailureData": step_failure,
    "StepSuccessData": lambda data: {"duration_ms": data.duration_ms},
    "StepRetryData": lambda data: {"wait_seconds": data.seconds_to_wait},
    "StepOutputData": step_output,
    "StepInputData": lambda data: {"input": data.input_name},
    "HandledOutputData": handled_output,
    "LoadedInputData": loaded_input,
    "EngineEventData": engine,
    "StepExpectationResultData": expectation,
    "JobFailureData": lambda data: {"reason": data.failure_reason.value if data.failure_reason else None},
    "ComputeLogsCaptureData": lambda data: {"log_key": data.file_key, "steps": list(data.step_keys or [])},
}

# The error of an event lies in its data, except for the log records that carry it themselves.
WITH_ERROR = (
    "StepFailureData",
    "StepRetryData",
    "JobFailureData",
    "JobCanceledData",
    "HookErroredData",
    "EngineEventData",
    "AssetFailedToMaterializeData",
)


def event_data(data: Any) -> tuple[Json | None, Json | None]:
    """`data` and `error` of the event."""
    if data is None:
        return None, None
    name = type(data).__name__
    convert = DATA.get(name)
    error = error_info(data.error) if name in WITH_ERROR else None
    return (convert(data) if convert else None), error
