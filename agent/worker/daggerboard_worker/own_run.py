"""What this process knows about the run it executes: the run itself, and the asset records it need not ask for.

Step processes forked by the run inherit this; spawned ones start empty and ask.
"""

import time
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


class OwnRun:
    """The run as dagster sees it, and its materializations so far."""

    def __init__(self) -> None:
        self.run: Any = None
        self.start_data: Json = {}
        self.plan_snapshots: dict[str, Any] = {}
        # Concurrency pools of the plan's steps; None where the plan is not known, such as in a spawned step process.
        self.pools: frozenset[str] | None = None
        self._prefetched: dict[tuple[str, ...], Json] = {}
        self._produced: dict[tuple[str, ...], Any] = {}
        self._by_partition: dict[tuple[str, ...], dict[str, Any]] = {}

    def seed(self, input_records: Iterable[Json] | None) -> None:
        self._prefetched = {tuple(record["asset"]): record for record in input_records or []}

    def note(self, entry: Any) -> None:
        """Remember a materialization of this run: later steps read its data version from here."""
        event = entry.dagster_event
        if event is None or event.event_type_value != "ASSET_MATERIALIZATION":
            return
        materialization = event.event_specific_data.materialization
        key = tuple(materialization.asset_key.path)
        self._produced[key] = entry
        if materialization.partition:
            self._by_partition.setdefault(key, {})[materialization.partition] = entry

    def note_event(self, event: Any) -> None:
        """The same, of an event that a forked step process wrote."""
        if event.event_type_value != "ASSET_MATERIALIZATION" or self.run is None:
            return
        key = tuple(event.event_specific_data.materialization.asset_key.path)
        if key not in self._produced or self._produced[key].dagster_event is not event:
            self.note(self._entry(event))

    def _entry(self, event: Any) -> Any:
        from dagster import EventLogEntry

        return EventLogEntry(  # type: ignore[no-untyped-call,unused-ignore]
            error_info=None,
            level=10,
            user_message="",
            run_id=self.run.run_id,
            timestamp=time.time(),
            step_key=event.step_key,
            job_name=event.job_name,
            dagster_event=event,
        )

    def produced(self, path: Iterable[str]) -> Any:
        return self._produced.get(tuple(path))

    def produced_partition(self, path: Iterable[str], partition: str) -> Any:
        return self._by_partition.get(tuple(path), {}).get(partition)

    def is_partitioned_here(self, path: Iterable[str]) -> bool:
        """Whether what this run produced of the asset has partitions."""
        return tuple(path) in self._by_partition

    def prefetched(self, path: Iterable[str]) -> Json | None:
        return self._prefetched.get(tuple(path))

    def partition_tags(self, path: Iterable[str], partitions: Iterable[str] | None) -> dict[str, dict[str, str]] | None:
        """Tags of the latest materialization by partition, or None where one of the partitions is not known here."""
        if partitions is None:
            return None
        key = tuple(path)
        seeds = (self._prefetched.get(key) or {}).get("partition_tags") or {}
        produced = {name: tags_of(entry) for name, entry in self._by_partition.get(key, {}).items()}
        known = {**seeds, **produced}
        wanted = list(partitions)
        if not all(partition in known for partition in wanted):
            return None
        return {partition: known[partition] for partition in wanted if known[partition] is not None}

    def plan_snapshot(self, snapshot_id: str) -> Any:
        return self.plan_snapshots.get(snapshot_id)


def tags_of(entry: Any) -> dict[str, str]:
    return dict(entry.dagster_event.event_specific_data.materialization.tags or {})


own = OwnRun()
