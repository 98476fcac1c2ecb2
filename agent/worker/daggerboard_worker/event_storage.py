"""Dagster's event log as a view of the agent. Each half of it has its own module."""

from dagster._core.storage.event_log.base import EventLogStorage

from daggerboard_worker.asset_history import AssetHistory
from daggerboard_worker.dynamic_partitions import DynamicPartitions
from daggerboard_worker.event_writing import EventWriting
from daggerboard_worker.freshness_states import FreshnessStates
from daggerboard_worker.pools import Pools
from daggerboard_worker.run_history import CheckHistory, RunHistory
from daggerboard_worker.unsupported import complete


@complete(EventLogStorage)
class AgentEventStorage(
    EventWriting, AssetHistory, FreshnessStates, RunHistory, CheckHistory, DynamicPartitions, Pools, EventLogStorage
):
    is_persistent = True
    # The run's status is the run storage's business.
    handles_run_events_in_store_event = False
    asset_records_have_last_observation = True
    asset_records_have_last_planned_and_failed_materializations = False
    can_store_asset_failure_events = False
    is_run_sharded = False
    supports_run_status_change_job_name_filter = True
