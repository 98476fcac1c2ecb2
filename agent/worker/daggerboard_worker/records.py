"""The control plane's plain answers as the record classes that dagster expects from a storage."""

import datetime
from typing import Any

from dagster import AssetCheckKey, AssetKey, DagsterRun, DagsterRunStatus, EventLogEntry, EventLogRecord, RunRecord
from dagster._core.event_api import EventLogCursor
from dagster._core.events import DagsterEvent
from dagster._core.storage.event_log.base import AssetEntry, AssetRecord
from dagster._serdes import deserialize_value

from daggerboard_worker.compat import SerializableErrorInfo, remote_origins

Json = dict[str, Any]

# Dagster's name for the repository of a `Definitions`.
DEFAULT_REPOSITORY = "__repository__"


def event_record(answer: Json | None) -> EventLogRecord | None:
    """`{"id", "serdes"}` of an asset or check event."""
    if answer is None:
        return None
    return EventLogRecord(storage_id=answer["id"], event_log_entry=deserialize_value(answer["serdes"], EventLogEntry))


def event_records(answers: list[Json]) -> list[EventLogRecord]:
    return [record for answer in answers if (record := event_record(answer))]


def asset_record(answer: Json) -> AssetRecord:
    return AssetRecord(
        storage_id=answer.get("id") or 0,
        asset_entry=AssetEntry(
            asset_key=AssetKey(answer["asset"]),
            last_materialization_record=event_record(answer.get("materialization")),
            last_observation_record=event_record(answer.get("observation")),
            last_run_id=answer.get("last_run_id"),
            last_planned_materialization_storage_id=answer.get("planned_id"),
            last_planned_materialization_run_id=answer.get("planned_run_id"),
        ),
    )


def own_asset_record(entry: EventLogEntry, asset_key: AssetKey) -> AssetRecord:
    """A materialization of this very run: its id is not known yet, which provenance writes as a null pointer."""
    record = EventLogRecord(storage_id=0, event_log_entry=entry)
    entry_of_asset = AssetEntry(asset_key=asset_key, last_materialization_record=record, last_run_id=entry.run_id)
    return AssetRecord(storage_id=0, asset_entry=entry_of_asset)


def run_record(answer: Json) -> RunRecord:
    created = moment(answer["created_at"])
    return RunRecord(
        storage_id=answer["id"],
        dagster_run=dagster_run(answer),
        create_timestamp=created,
        update_timestamp=moment(answer["updated_at"]) if answer.get("updated_at") else created,
        start_time=answer.get("started_at"),
        end_time=answer.get("ended_at"),
    )


def dagster_run(answer: Json) -> DagsterRun:
    assets, checks = answer.get("asset_selection"), answer.get("check_selection")
    return DagsterRun(
        job_name=answer["job"],
        run_id=answer["run_id"],
        status=DagsterRunStatus(answer["status"]),
        run_config=answer.get("run_config") or {},
        tags=answer.get("tags") or {},
        asset_selection=asset_keys(assets),
        asset_check_selection=check_keys(checks),
        op_selection=answer.get("op_selection"),
        step_keys_to_execute=answer.get("step_keys"),
        parent_run_id=answer.get("parent_run_id"),
        root_run_id=answer.get("root_run_id"),
        remote_job_origin=job_origin(answer),
    )


def job_origin(answer: Json) -> Any:
    """By it a run-status sensor tells the runs of its own location from others. Every location has one repository."""
    if not answer.get("location"):
        return None
    origins = remote_origins()
    location = origins.RegisteredCodeLocationOrigin(answer["location"])
    repository = origins.RemoteRepositoryOrigin(location, answer.get("repository") or DEFAULT_REPOSITORY)
    return repository.get_job_origin(answer["job"])


def asset_keys(paths: list[list[str]] | None) -> frozenset[AssetKey] | None:
    return None if paths is None else frozenset(AssetKey(path) for path in paths)


def check_keys(pairs: list[Any] | None) -> frozenset[AssetCheckKey] | None:
    return None if pairs is None else frozenset(AssetCheckKey(AssetKey(path), name) for path, name in pairs)


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc)  # noqa: UP017 - Python 3.10


def run_event_record(answer: Json) -> EventLogRecord:
    """`{"id", "run_id", "job", "event": Event}`: whole for asset and check events, otherwise type, text and error."""
    event = answer["event"]
    whole = event.get("serdes")
    entry = deserialize_value(whole, EventLogEntry) if whole else log_entry(answer, event)
    return EventLogRecord(storage_id=answer["id"], event_log_entry=entry)


def log_entry(answer: Json, event: Json) -> EventLogEntry:
    is_log = event["type"] == "LOG"
    dagster_event = None
    if not is_log:
        dagster_event = DagsterEvent(
            event_type_value=event["type"],
            job_name=answer["job"],
            message=event.get("message"),
            step_key=event.get("step"),
        )
    return EventLogEntry(  # type: ignore[no-untyped-call,unused-ignore]
        error_info=error_from_json(event.get("error")),
        level=event.get("level") or 20,
        user_message=(event.get("message") or "") if is_log else "",
        run_id=answer["run_id"],
        timestamp=event["ts"],
        step_key=event.get("step"),
        job_name=answer["job"],
        dagster_event=dagster_event,
    )


def error_from_json(error: Json | None) -> Any:
    if error is None:
        return None
    return SerializableErrorInfo(
        message=error["message"],
        stack=error["stack"],
        cls_name=error["cls"],
        cause=error_from_json(error.get("cause")),
        context=error_from_json(error.get("context")),
    )


def cursor_after(records: list[EventLogRecord], cursor: str | None) -> str:
    if records:
        return EventLogCursor.from_storage_id(records[-1].storage_id).to_string()
    return cursor or EventLogCursor.from_storage_id(-1).to_string()


def cursor_id(cursor: str | None) -> int | None:
    return None if cursor is None else EventLogCursor.parse(cursor).value
