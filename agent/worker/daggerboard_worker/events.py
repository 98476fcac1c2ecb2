"""Dagster's log entries as the contract's Events: bounded, valid, with dagster's own serialization where it is kept."""

from typing import Any

from daggerboard_worker.bounds import EVENT_BYTES, MESSAGE_BYTES, clean_text, encode, exceeds
from daggerboard_worker.error_info import error_info
from daggerboard_worker.event_data import event_data

Json = dict[str, Any]

# The control plane gives these back to dagster (in reads, and in the evaluator), so it keeps dagster's own form too.
KEPT_WHOLE = frozenset({"ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION"})
STEP_ENDS = frozenset({"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY", "STEP_SKIPPED"})
RUN_ENDS = frozenset({"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"})

SERDES_BYTES = 500 * 1024
# What an asset or check event is about; everything else of it can be done without.
IDENTITY = frozenset({"asset", "name", "partition", "passed", "severity", "blocking", "target"})


def event_from_entry(entry: Any) -> Json:
    event = entry.dagster_event
    message = (event.message if event is not None else None) or entry.user_message or ""
    result: Json = {
        "ts": entry.timestamp,
        "type": event.event_type_value if event is not None else "LOG",
        "level": int(entry.level),
        "step": clean_text(entry.step_key, MESSAGE_BYTES) if entry.step_key else None,
        "message": clean_text(message),
    }
    if exceeds(message, MESSAGE_BYTES):
        result["truncated"] = True
        result["message_bytes"] = len(message.encode(errors="replace"))
    if entry.error_info is not None:
        result["error"] = error_info(entry.error_info)
    if event is not None:
        data, error = event_data(event.event_specific_data)
        if data:
            result["data"] = data
        if result["type"] == "LOGS_CAPTURED" and data:
            data["log_key"] = [entry.run_id, "compute_logs", data["log_key"]]
        if error:
            result["error"] = error
        if result["type"] in KEPT_WHOLE:
            result["serdes"] = serialized_entry(entry)
    return within_bounds(result)


def serialized_entry(entry: Any) -> str:
    """Dagster's serialization of the entry; without the metadata where that is too large or cannot be written."""
    from dagster._serdes import serialize_value

    try:
        text = serialize_value(entry)
        if len(text) <= SERDES_BYTES:
            return text
    except (ValueError, RecursionError, TypeError):
        pass
    return serialize_value(without_metadata(entry))


def without_metadata(entry: Any) -> Any:
    from dagster import TextMetadataValue

    event = entry.dagster_event
    data = event.event_specific_data
    note = {"daggerboard/truncated": TextMetadataValue("The metadata of this event was too large to keep whole.")}
    if hasattr(data, "materialization"):
        data = data._replace(materialization=data.materialization._replace(metadata=note))
    elif hasattr(data, "asset_observation"):
        data = data._replace(asset_observation=data.asset_observation._replace(metadata=note))
    else:
        data = data._replace(metadata=note)
    return entry._replace(dagster_event=event._replace(event_specific_data=data))


def within_bounds(event: Json) -> Json:
    """At most one megabyte: first the metadata goes, then all but what names the asset or check."""
    is_short = not (event.get("data") or event.get("error") or event.get("serdes"))
    if is_short or len(encode(event)) <= EVENT_BYTES:
        return event
    event["truncated"] = True
    parts = [part for part in (event.get("data") or {}).values() if isinstance(part, dict)]
    for part in parts:
        part["metadata"] = {}
    if len(encode(event)) > EVENT_BYTES:
        for part in parts:
            for name in part.keys() - IDENTITY:
                part[name] = type(part[name])() if isinstance(part[name], (dict, list)) else None
        event.pop("serdes", None)
    return event
