"""The half of the event log that writes: every event of the run, in order, to the agent's spool."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from daggerboard_worker.events import RUN_ENDS, STEP_ENDS, event_from_entry
from daggerboard_worker.metering import meter
from daggerboard_worker.own_run import own
from daggerboard_worker.storage_config import AgentBacked

# After these another process goes on; what it writes must come after what we wrote.
SETTLED_AFTER = STEP_ENDS | RUN_ENDS | {"STEP_WORKER_STARTING"}


class EventWriting(AgentBacked):
    # Entries that are not to be written but answered, while somebody holds them back.
    _held_back: list[Any] | None = None

    @contextmanager
    def holding_back(self) -> Iterator[list[Any]]:
        """Collect the entries that would be written."""
        self._held_back = []
        try:
            yield self._held_back
        finally:
            self._held_back = None

    def store_event(self, event: Any) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[Any]) -> None:
        if self._held_back is not None:
            self._held_back += events
            return
        mine = [event for event in events if event.run_id == self.run_id]
        for event in events:
            if event.run_id != self.run_id:
                self._report(event)
        if mine:
            self._write(mine)

    def _write(self, entries: Sequence[Any]) -> None:
        written = []
        for entry in entries:
            own.note(entry)
            event = event_from_entry(entry)
            meter.observe(event)
            if event["type"] == "PIPELINE_START":
                event["data"] = own.start_data
            written.append(event)
        self.agent.post("events", written)
        if any(event["type"] in SETTLED_AFTER for event in written):
            self.agent.flush()

    def _report(self, entry: Any) -> None:
        """An event outside of any run (`report_runless_asset_event`), or of a run that is not ours."""
        self.read("report_event", run_id=entry.run_id or None, event=event_from_entry(entry))

    def dispose(self) -> None:
        self.agent.flush()
