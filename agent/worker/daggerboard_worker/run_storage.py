"""Dagster's run storage: the run of this process is at hand, all others are asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.runs.base import RunStorage
from dagster._serdes import deserialize_value

from daggerboard_worker.own_run import own
from daggerboard_worker.records import run_record
from daggerboard_worker.storage_config import AgentBacked
from daggerboard_worker.unsupported import complete


@complete(RunStorage)
class AgentRunStorage(AgentBacked, RunStorage):
    def own_run(self) -> DagsterRun | None:
        """Dagster ends an interrupted run as cancelled only if the run says that it is being cancelled."""
        if own.run is None and self.run_id is not None:
            serialized = self.agent.ask("own_run")
            own.run = deserialize_value(serialized, DagsterRun) if serialized else None
        run = own.run
        if run is not None and not run.is_finished and self.agent.ask("canceling"):
            own.run = run = run.with_status(DagsterRunStatus.CANCELING)
        return run  # type: ignore[no-any-return]

    def get_run_records(  # noqa: PLR0917 - dagster's signature
        self,
        filters: RunsFilter | None = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,
        cursor: str | None = None,
        bucket_by: Any = None,
    ) -> Sequence[RunRecord]:
        if filters is not None and self.run_id is not None and list(filters.run_ids or []) == [self.run_id]:
            run = self.own_run()
            return [own_record(run)] if run else []
        page = {"limit": limit, "ascending": ascending, "before": cursor, "order_by": order_by}
        return [run_record(answer) for answer in self.read("runs", **run_filters(filters), **page)]

    def get_runs(
        self,
        filters: RunsFilter | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        bucket_by: Any = None,
        ascending: bool = False,
    ) -> Sequence[DagsterRun]:
        records = self.get_run_records(filters, limit=limit, ascending=ascending, cursor=cursor)
        return [record.dagster_run for record in records]

    def get_run_ids(
        self, filters: RunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> Sequence[str]:
        return [run.run_id for run in self.get_runs(filters, cursor=cursor, limit=limit)]

    def get_runs_count(self, filters: RunsFilter | None = None) -> int:
        return int(self.read("run_count", **run_filters(filters)))

    def has_run(self, run_id: str) -> bool:
        return run_id == self.run_id or bool(self.get_run_records(RunsFilter(run_ids=[run_id]), limit=1))

    def handle_run_event(self, run_id: str, event: Any, update_timestamp: Any = None) -> None:
        status = EVENT_TYPE_TO_PIPELINE_RUN_STATUS.get(event.event_type)
        if status is not None and own.run is not None and run_id == own.run.run_id:
            own.run = own.run.with_status(status)

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        if own.run is not None and run_id == own.run.run_id:
            own.run = own.run.with_tags({**own.run.tags, **new_tags})
        self.read("add_run_tags", run_id=run_id, tags=dict(new_tags))

    def delete_run(self, run_id: str) -> None:
        self.read("delete_run", run_id=run_id)

    def get_run_tags(
        self, tag_keys: Sequence[str], value_prefix: str | None = None, limit: int | None = None
    ) -> Sequence[tuple[str, set[str]]]:
        answer = self.read("run_tags", tags=list(tag_keys), prefix=value_prefix, limit=limit)
        return [(tag, set(values)) for tag, values in answer.items()]

    def get_run_group(self, run_id: str) -> tuple[str, Sequence[DagsterRun]] | None:
        answer = self.read("run_group", run_id=run_id)
        if not answer:
            return None
        return answer["root_run_id"], [run_record(run).dagster_run for run in answer["runs"]]

    def has_job_snapshot(self, job_snapshot_id: str) -> bool:
        return False

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        return own.plan_snapshot(execution_plan_snapshot_id) is not None

    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> Any:
        return own.plan_snapshot(execution_plan_snapshot_id)


def own_record(run: DagsterRun) -> RunRecord:
    from dagster._time import get_current_datetime

    now = get_current_datetime()
    return RunRecord(storage_id=1, dagster_run=run, create_timestamp=now, update_timestamp=now)


def run_filters(filters: RunsFilter | None) -> dict[str, Any]:
    if filters is None:
        filters = RunsFilter()
    return {
        "ids": list(filters.run_ids) if filters.run_ids is not None else None,
        "job": filters.job_name,
        "statuses": [status.value for status in filters.statuses] or None,
        "tags": {name: list(tag) if not isinstance(tag, str) else tag for name, tag in filters.tags.items()} or None,
        **{
            name: value.timestamp() if (value := getattr(filters, name)) else None
            for name in ("created_after", "created_before", "updated_after", "updated_before")
        },
    }
