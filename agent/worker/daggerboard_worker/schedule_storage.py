"""Dagster's schedule storage: schedules, sensors and their ticks are the control plane's, so that every call is refused by name."""

from dagster._core.storage.schedules.base import ScheduleStorage

from daggerboard_worker.storage_config import AgentBacked
from daggerboard_worker.unsupported import complete


@complete(ScheduleStorage)
class AgentScheduleStorage(AgentBacked, ScheduleStorage):
    pass
