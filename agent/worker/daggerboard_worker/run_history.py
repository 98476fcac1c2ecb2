"""The half of the event log that answers for runs and asset checks, and for dynamic partitions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster import AssetCheckKey, AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.event_api import AssetRecordsFilter, EventRecordsResult, RunStatusChangeRecordsFilter
from dagster._core.events import AssetCheckEvaluationPlanned, DagsterEvent
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log.base import EventLogConnection

from daggerboard_worker.asset_history import KINDS, id_window
from daggerboard_worker.compat import accepted
from daggerboard_worker.records import cursor_after, cursor_id, event_record, run_event_record
from daggerboard_worker.storage_config import AgentBacked
from daggerboard_worker.unsupported import refuse


class RunHistory(AgentBacked):
    def get_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: DagsterEventType | set[DagsterEventType] | None = None,
        limit: int | None = None,
        ascending: bool = True,
    ) -> EventLogConnection:
        types = of_type if isinstance(of_type, (set, frozenset)) else {of_type} - {None}
        answer = self.read(
            "run_events",
            run_id=run_id,
            types=sorted(event_type.value for event_type in types if event_type) or None,
            after_id=cursor_id(cursor),
            limit=limit,
            ascending=ascending,
        )
        records = [run_event_record(record) for record in answer["records"]]
        return EventLogConnection(records, cursor_after(records, cursor), answer["has_more"])

    def fetch_run_status_changes(
        self,
        records_filter: DagsterEventType | RunStatusChangeRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        filters = records_filter
        if isinstance(filters, DagsterEventType):
            filters = RunStatusChangeRecordsFilter(filters)  # type: ignore[arg-type]
        answer = self.read(
            "run_status_changes",
            type=filters.event_type.value,
            after_ts=filters.after_timestamp,
            before_ts=filters.before_timestamp,
            ids=list(filters.storage_ids) if filters.storage_ids else None,
            jobs=list(filters.job_names) if filters.job_names else None,
            limit=limit,
            ascending=ascending,
            **id_window(filters, cursor, ascending=ascending),
        )
        records = [run_event_record(record) for record in answer["records"]]
        return EventRecordsResult(records, cursor_after(records, cursor), answer["has_more"])

    def get_event_records(
        self, event_records_filter: Any, limit: int | None = None, ascending: bool = False
    ) -> Sequence[EventLogRecord]:
        """Deprecated by dagster in favour of the fetch methods, which is where it goes."""
        wanted = event_records_filter
        if wanted.event_type in KINDS and wanted.asset_key is not None:
            filters = AssetRecordsFilter(
                asset_key=wanted.asset_key,
                asset_partitions=wanted.asset_partitions,
                after_timestamp=wanted.after_timestamp,
                before_timestamp=wanted.before_timestamp,
                after_storage_id=storage_id(wanted.after_cursor),
                before_storage_id=storage_id(wanted.before_cursor),
                storage_ids=wanted.storage_ids,
            )
            kind = KINDS[wanted.event_type]
            return self._fetch(kind, filters, limit, cursor=None, ascending=ascending).records  # type: ignore[attr-defined,no-any-return]
        if wanted.event_type.value.startswith("PIPELINE_"):
            filters = RunStatusChangeRecordsFilter(
                wanted.event_type,
                after_timestamp=wanted.after_timestamp,
                before_timestamp=wanted.before_timestamp,
                storage_ids=wanted.storage_ids,
            )
            return self.fetch_run_status_changes(filters, limit or 1000, None, ascending).records
        return refuse(f"EventLogStorage.get_event_records({wanted.event_type.value})")

    def delete_events(self, run_id: str) -> None:
        """`delete_run` deletes events and run in two calls; the control plane deletes both with the run."""


def storage_id(cursor: Any) -> int | None:
    """An EventCursor: an id, or one of dagster's cursors of a sharded storage that holds one."""
    return cursor if cursor is None or isinstance(cursor, int) else int(cursor.id)


class CheckHistory(AgentBacked):
    def get_asset_check_execution_history(
        self,
        check_key: AssetCheckKey,
        limit: int,
        cursor: int | None = None,
        status: Iterable[AssetCheckExecutionRecordStatus] | None = None,
        partition_filter: Any = None,
    ) -> Sequence[AssetCheckExecutionRecord]:
        answer = self.read(
            "check_history",
            check=check_pair(check_key),
            limit=limit,
            before_id=cursor,
            statuses=sorted(item.value for item in status) if status else None,
            **partition_argument(partition_filter),
        )
        return [check_record(record) for record in answer]

    def get_latest_asset_check_execution_by_key(
        self, check_keys: Sequence[AssetCheckKey], partition_filter: Any = None
    ) -> Mapping[AssetCheckKey, AssetCheckExecutionRecord]:
        checks = [check_pair(key) for key in check_keys]
        answer = self.read("latest_checks", checks=checks, **partition_argument(partition_filter))
        records = [check_record(record) for record in answer]
        return {record.key: record for record in records}

    def get_asset_check_partition_info(
        self,
        keys: Sequence[AssetCheckKey],
        after_storage_id: int | None = None,
        partition_keys: Sequence[str] | None = None,
    ) -> Sequence[Any]:
        """Came with 1.13: how conditions follow partitioned checks."""
        partitions = None if partition_keys is None else list(partition_keys)
        answer = self.read("check_partitions", checks=[check_pair(key) for key in keys], partitions=partitions)
        assets = list({key.asset_key for key in keys})
        whole: Mapping[AssetKey, int] = self._get_latest_unpartitioned_materialization_storage_ids(assets)  # type: ignore[attr-defined]
        found = [check_partition(item, whole) for item in answer]
        return [info for info in found if is_after(info, after_storage_id)]


def is_after(info: Any, storage_id: int | None) -> bool:
    """Whether it has news since then; what is planned has no id that could tell."""
    if storage_id is None or info.latest_execution_status == AssetCheckExecutionRecordStatus.PLANNED:
        return True
    return max(info.latest_check_event_storage_id, info.latest_materialization_storage_id or 0) > storage_id


def check_partition(answer: dict[str, Any], whole: Mapping[AssetKey, int]) -> Any:
    """`whole` are the ids of assets that were materialized last without a partition."""
    from dagster._core.storage.asset_check_execution_record import AssetCheckPartitionInfo

    path, name = answer["check"]
    made = (answer["materialization_id"], whole.get(AssetKey(path)))
    return AssetCheckPartitionInfo(
        check_key=AssetCheckKey(AssetKey(path), name),
        partition_key=answer["partition"],
        latest_execution_status=AssetCheckExecutionRecordStatus(answer["status"]),
        latest_planned_run_id=answer["run_id"],
        latest_check_event_storage_id=answer["id"] or 0,
        latest_materialization_storage_id=max(filter(None, made), default=None),
        latest_target_materialization_storage_id=answer["target_id"],
    )


def check_pair(key: AssetCheckKey) -> list[Any]:
    return [key.asset_key.path, key.name]


def partition_argument(partition_filter: Any) -> dict[str, Any]:
    """`{}` for every partition; `{"partition": key or null}` for one, or for the unpartitioned evaluations."""
    return {} if partition_filter is None else {"partition": partition_filter.key}


def check_record(answer: dict[str, Any]) -> AssetCheckExecutionRecord:
    path, name = answer["check"]
    record = event_record(answer.get("record"))
    fields = {
        "key": AssetCheckKey(AssetKey(path), name),
        "id": answer["id"],
        "run_id": answer["run_id"],
        "status": AssetCheckExecutionRecordStatus(answer["status"]),
        "event": record.event_log_entry if record else planned_entry(answer),
        "create_timestamp": float(answer["ts"]),
        "partition": answer.get("partition"),
    }
    return AssetCheckExecutionRecord(**accepted(AssetCheckExecutionRecord.__new__, fields))


def planned_entry(answer: dict[str, Any]) -> EventLogEntry | None:
    """The event that dagster keeps of a planned evaluation: conditions find the run by it."""
    if answer["status"] != AssetCheckExecutionRecordStatus.PLANNED.value:
        return None
    path, name = answer["check"]
    planned = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
        job_name="",
        event_specific_data=AssetCheckEvaluationPlanned(asset_key=AssetKey(path), check_name=name),
    )
    return EventLogEntry(  # type: ignore[no-untyped-call,unused-ignore]
        error_info=None,
        level=20,
        user_message="",
        run_id=answer["run_id"],
        timestamp=answer["ts"],
        dagster_event=planned,
    )
