"""The half of the event log that answers for assets: latest records, history, partitions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, EventLogRecord
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.event_api import AssetRecordsFilter, EventRecordsResult
from dagster._core.storage.event_log.base import AssetRecord, PlannedMaterializationInfo

from daggerboard_worker.own_run import own
from daggerboard_worker.records import asset_record, cursor_after, cursor_id, event_records, own_asset_record
from daggerboard_worker.storage_config import AgentBacked

KINDS = {
    DagsterEventType.ASSET_MATERIALIZATION: "materialization",
    DagsterEventType.ASSET_OBSERVATION: "observation",
}


class AssetHistory(AgentBacked):
    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> Sequence[AssetRecord]:
        if asset_keys is None:
            return [asset_record(answer) for answer in self.read("asset_records", assets=None)]
        known = {key: self._known_record(key) for key in asset_keys}
        unknown = [key for key, (is_known, _) in known.items() if not is_known]
        records = [record for _, record in known.values() if record is not None]
        if unknown:
            answers = self.read("asset_records", assets=[key.path for key in unknown])
            records += [asset_record(answer) for answer in answers]
        return records

    def _known_record(self, key: AssetKey) -> tuple[bool, AssetRecord | None]:
        """Without asking: what this run produced, or what was sent along with it."""
        entry = own.produced(key.path)
        if entry is not None:
            return True, own_asset_record(entry, key)
        answer = own.prefetched(key.path)
        return answer is not None, asset_record(answer) if answer else None

    def get_latest_materialization_events(
        self, asset_keys: Iterable[AssetKey]
    ) -> Mapping[AssetKey, EventLogEntry | None]:
        keys = list(asset_keys)
        records = {record.asset_entry.asset_key: record for record in self.get_asset_records(keys)}
        return {key: records[key].asset_entry.last_materialization if key in records else None for key in keys}

    def all_asset_keys(self) -> Sequence[AssetKey]:
        return self.get_asset_keys()

    def get_asset_keys(
        self, prefix: Sequence[str] | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Sequence[AssetKey]:
        after = AssetKey.from_db_string(cursor) if cursor else None
        answer = self.read(
            "asset_keys", prefix=list(prefix or []) or None, limit=limit, after=after.path if after else None
        )
        return [AssetKey(path) for path in answer]

    def has_asset_key(self, asset_key: AssetKey) -> bool:
        return bool(self.read("has_asset_key", asset=asset_key.path))

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        return self._fetch("materialization", records_filter, limit, cursor=cursor, ascending=ascending)

    def fetch_observations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        return self._fetch("observation", records_filter, limit, cursor=cursor, ascending=ascending)

    def _fetch(
        self,
        kind: str,
        wanted: AssetKey | AssetRecordsFilter,
        limit: int | None,
        *,
        cursor: str | None,
        ascending: bool,
    ) -> EventRecordsResult:
        filters = AssetRecordsFilter(wanted) if isinstance(wanted, AssetKey) else wanted
        if kind == "materialization" and limit == 1 and not ascending and cursor is None:
            known = known_latest(filters)
            if known is not None:
                return EventRecordsResult(known, cursor_after(known, cursor), has_more=bool(known))
        answer = self.read(
            "asset_events",
            kind=kind,
            asset=filters.asset_key.path,
            partitions=list(filters.asset_partitions) if filters.asset_partitions else None,
            after_ts=filters.after_timestamp,
            before_ts=filters.before_timestamp,
            ids=list(filters.storage_ids) if filters.storage_ids else None,
            limit=limit,
            ascending=ascending,
            **id_window(filters, cursor, ascending=ascending),
        )
        records = event_records(answer["records"])
        return EventRecordsResult(records, cursor_after(records, cursor), answer["has_more"])

    def get_asset_event_summary_records(  # noqa: PLR0917 - dagster's signature
        self,
        event_type: DagsterEventType,
        asset_key: AssetKey | None = None,
        run_id: str | None = None,
        storage_ids: Sequence[int] | None = None,
        after_storage_id: int | None = None,
        before_storage_id: int | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> Sequence[Any]:
        """Came with 1.13, which would read and unpack whole events for it otherwise."""
        from dagster._core.storage.event_log.base import AssetEventSummaryRecord

        answer = self.read(
            "asset_event_summaries",
            kind=KINDS[event_type],
            asset=asset_key.path if asset_key else None,
            run_id=run_id,
            ids=None if storage_ids is None else list(storage_ids),
            after_id=after_storage_id,
            before_id=before_storage_id,
            limit=limit,
            ascending=ascending,
        )
        return [
            AssetEventSummaryRecord(
                storage_id=event["id"],
                run_id=event["run_id"],
                asset_key=AssetKey(event["asset"]),
                partition=event["partition"],
                timestamp=event["ts"],
            )
            for event in answer
        ]

    def get_materialized_partitions(
        self, asset_key: AssetKey, before_cursor: int | None = None, after_cursor: int | None = None
    ) -> set[str]:
        return set(
            self.read("materialized_partitions", asset=asset_key.path, before_id=before_cursor, after_id=after_cursor)
        )

    def get_latest_tags_by_partition(  # noqa: PLR0917 - dagster's signature
        self,
        asset_key: AssetKey,
        event_type: DagsterEventType,
        tag_keys: Sequence[str],
        asset_partitions: Sequence[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, Mapping[str, str]]:
        known = own.partition_tags(asset_key.path, asset_partitions)
        if known is not None and before_cursor is None and after_cursor is None:
            return pick_tags(known, tag_keys)
        tags: dict[str, dict[str, str]] = self.read(
            "latest_tags_by_partition",
            kind=KINDS[event_type],
            asset=asset_key.path,
            tags=list(tag_keys),
            partitions=None if asset_partitions is None else list(asset_partitions),
            before_id=before_cursor,
            after_id=after_cursor,
        )
        return tags

    def get_updated_data_version_partitions(
        self, asset_key: AssetKey, partitions: Iterable[str], since_storage_id: int
    ) -> set[str]:
        """Those whose latest data version since then is another than before: how conditions follow partitioned observable sources."""
        keys = list(partitions)
        before = self._data_versions(asset_key, keys, before_id=since_storage_id + 1)
        since = self._data_versions(asset_key, keys, after_id=since_storage_id)
        return {key for key, version in since.items() if version and version != before.get(key)}

    def _data_versions(self, asset_key: AssetKey, partitions: list[str], **window: int) -> dict[str, str]:
        asked = {"kind": "either", "asset": asset_key.path, "tags": [DATA_VERSION_TAG], "partitions": partitions}
        found = self.read("latest_tags_by_partition", **asked, **window)
        return {key: tags[DATA_VERSION_TAG] for key, tags in found.items() if DATA_VERSION_TAG in tags}

    def get_latest_storage_id_by_partition(
        self,
        asset_key: AssetKey,
        event_type: DagsterEventType,
        partitions: set[str] | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, int]:
        ids: dict[str, int] = self.read(
            "latest_ids_by_partition",
            kind=KINDS[event_type],
            asset=asset_key.path,
            partitions=None if partitions is None else sorted(partitions),
            after_id=after_cursor,
        )
        return ids

    def get_latest_asset_partition_materialization_attempts_without_materializations(
        self, asset_key: AssetKey, after_storage_id: int | None = None
    ) -> Mapping[str, tuple[str, int]]:
        answer = self.read("incomplete_partitions", asset=asset_key.path, after_id=after_storage_id)
        return {partition: (run_id, storage_id) for partition, (run_id, storage_id) in answer.items()}

    def get_latest_planned_materialization_info(
        self, asset_key: AssetKey, partition: str | None = None
    ) -> PlannedMaterializationInfo | None:
        answer = self.read("planned_materialization", asset=asset_key.path, partition=partition)
        return PlannedMaterializationInfo(storage_id=answer["id"], run_id=answer["run_id"]) if answer else None

    def get_event_tags_for_asset(
        self,
        asset_key: AssetKey,
        filter_tags: Mapping[str, str] | None = None,
        filter_event_id: int | None = None,
    ) -> Sequence[Mapping[str, str]]:
        tags = dict(filter_tags) if filter_tags else None
        found: list[dict[str, str]] = self.read("event_tags", asset=asset_key.path, tags=tags, id=filter_event_id)
        return found

    def wipe_asset(self, asset_key: AssetKey) -> None:
        self.read("wipe_asset", asset=asset_key.path, partitions=None)

    def wipe_asset_partitions(self, asset_key: AssetKey, partition_keys: Sequence[str]) -> None:
        self.read("wipe_asset", asset=asset_key.path, partitions=list(partition_keys))

    def get_maximum_record_id(self) -> int | None:
        latest: int | None = self.read("max_event_id")
        return latest

    def can_read_asset_status_cache(self) -> bool:
        return False

    def can_write_asset_status_cache(self) -> bool:
        return False


def id_window(filters: Any, cursor: str | None, *, ascending: bool) -> dict[str, int | None]:
    """The filter's own bounds, narrowed to what lies beyond the cursor."""
    after, before, at = filters.after_storage_id, filters.before_storage_id, cursor_id(cursor)
    if at is not None and at >= 0:
        if ascending:
            after = at if after is None else max(after, at)
        else:
            before = at if before is None else min(before, at)
    return {"after_id": after, "before_id": before}


def known_latest(filters: AssetRecordsFilter) -> list[EventLogRecord] | None:
    """The latest materialization where this run made it, or was given it; None where one has to ask."""
    path, partitions = filters.asset_key.path, list(filters.asset_partitions or [])
    others = (filters.after_storage_id, filters.before_storage_id, filters.storage_ids)
    if any(others) or filters.after_timestamp or filters.before_timestamp or len(partitions) > 1:
        return None
    if partitions:
        entry = own.produced_partition(path, partitions[0])
        if entry is None and own.produced(path) is not None and not own.is_partitioned_here(path):
            return []
    else:
        entry = own.produced(path)
        given = own.prefetched(path)
        if entry is None and given is not None:
            return event_records([given["materialization"]] if given.get("materialization") else [])
    return [EventLogRecord(storage_id=0, event_log_entry=entry)] if entry is not None else None


def pick_tags(by_partition: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> dict[str, dict[str, str]]:
    return {partition: {name: tags[name] for name in names if name in tags} for partition, tags in by_partition.items()}
