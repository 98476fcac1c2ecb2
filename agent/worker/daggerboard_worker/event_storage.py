"""Dagster's event log as a view of the agent. Each half of it has its own module."""

from collections.abc import Sequence
from typing import Any

from dagster._core.storage.event_log.base import EventLogStorage

from daggerboard_worker.asset_history import AssetHistory
from daggerboard_worker.dynamic_partitions import DynamicPartitions
from daggerboard_worker.event_writing import EventWriting
from daggerboard_worker.run_history import CheckHistory, RunHistory
from daggerboard_worker.unsupported import complete


@complete(EventLogStorage)
class AgentEventStorage(EventWriting, AssetHistory, RunHistory, CheckHistory, DynamicPartitions, EventLogStorage):
    is_persistent = True
    # The run's status is the run storage's business.
    handles_run_events_in_store_event = False
    asset_records_have_last_observation = True
    asset_records_have_last_planned_and_failed_materializations = False
    can_store_asset_failure_events = False
    # Pools are enforced before a run starts, by the control plane.
    supports_global_concurrency_limits = False
    is_run_sharded = False
    supports_run_status_change_job_name_filter = True

    def get_pool_config(self) -> Any:
        from dagster._core.instance.config import PoolConfig

        return PoolConfig(pool_granularity=None, default_pool_limit=None, op_granularity_run_buffer=None)

    def get_pool_limits(self) -> Sequence[Any]:
        return []

    def get_concurrency_keys(self) -> set[str]:
        return set()

    def free_concurrency_slots_for_run(self, run_id: str) -> None:
        """None are ever taken."""

    def free_concurrency_slot_for_step(self, run_id: str, step_key: str) -> None:
        """None are ever taken."""
