"""The mix of events that both systems store: 80 of 100 are log lines, 4 are materializations. Imports dagster and nothing of ours."""

import logging
import time
from typing import Any

from dagster import AssetKey, AssetMaterialization
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.definitions.metadata import normalize_metadata
from dagster._core.events import (
    DagsterEvent,
    DagsterEventType,
    HandledOutputData,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle

LINES_PER_STEP = 20
# STEP_START, STEP_OUTPUT, HANDLED_OUTPUT, ASSET_MATERIALIZATION, STEP_SUCCESS.
EVENTS_PER_STEP = LINES_PER_STEP + 5


def entries(run_id: str, job: str, steps: list[str]) -> list[EventLogEntry]:
    """What a run of these steps writes, step after step. Each step is an asset of the same name."""
    return [entry for step in steps for entry in _Step(run_id, job, step).entries()]


class _Step:
    def __init__(self, run_id: str, job: str, key: str) -> None:
        self._run_id = run_id
        self._job = job
        self._key = key

    def entries(self) -> list[EventLogEntry]:
        kinds = DagsterEventType
        success = StepSuccessData(88.9)  # type: ignore[no-untyped-call, unused-ignore]
        output = StepOutputData(step_output_handle=StepOutputHandle(self._key, "result"))
        handled = HandledOutputData(output_name="result", manager_key="io_manager")
        return [
            self._event(kinds.STEP_START, f'Started execution of step "{self._key}".'),
            *(self._line(number) for number in range(LINES_PER_STEP)),
            self._event(kinds.STEP_OUTPUT, f'Yielded output "result" of type "Any" of step "{self._key}".', output),
            self._event(kinds.ASSET_MATERIALIZATION, f"Materialized value {self._key}.", self._materialization()),
            self._event(kinds.HANDLED_OUTPUT, 'Handled output "result" using IO manager "io_manager"', handled),
            self._event(kinds.STEP_SUCCESS, f'Finished execution of step "{self._key}" in 88.9ms.', success),
        ]

    def _line(self, number: int) -> EventLogEntry:
        return self._entry(f"batch {number} of {LINES_PER_STEP}: 1,024 rows to warehouse.public.orders in 12.7 ms")

    def _materialization(self) -> StepMaterializationData:
        metadata: dict[str, Any] = {"rows": 20_480, "seconds": 0.254, "table": "warehouse.public.orders"}
        return StepMaterializationData(
            AssetMaterialization(AssetKey(self._key), metadata=normalize_metadata(metadata)), []
        )

    def _event(self, kind: DagsterEventType, message: str, data: Any = None) -> EventLogEntry:
        handle = StepHandle(NodeHandle(self._key, None))
        event = DagsterEvent(
            kind.value, self._job, step_handle=handle, node_handle=handle.node_handle, step_kind_value="COMPUTE",
            event_specific_data=data, message=message, pid=4321, step_key=self._key,
        )  # fmt: skip
        return self._entry("", event)

    def _entry(self, message: str, event: DagsterEvent | None = None) -> EventLogEntry:
        return EventLogEntry(  # type: ignore[no-untyped-call, unused-ignore]
            error_info=None,
            level=logging.INFO if event is None else logging.DEBUG,
            user_message=message,
            run_id=self._run_id,
            timestamp=time.time(),
            step_key=self._key,
            job_name=self._job,
            dagster_event=event,
        )
