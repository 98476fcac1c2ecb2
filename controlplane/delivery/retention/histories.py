"""Which tables hold which kind of history. A new history table fails a test until it is placed here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A history table: `key` is the column it is partitioned on. `unfinished` is a condition on rows that are never taken away."""

    name: str
    key: str = "run_id"
    # Its rows have no deployment of their own: they go with their run.
    of_run: bool = False
    unfinished: str = ""


_ACTIVE = "status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING')"
RUN = Table("run", key="id", unfinished=_ACTIVE)

# By kind (settings_document.RETAINED), in the order in which they go: a run goes after what is its own.
HISTORIES: dict[str, tuple[Table, ...]] = {
    "logs": (Table("log_chunk", of_run=True), Table("log_stream", of_run=True)),
    "events": (Table("run_event", of_run=True),),
    "asset_events": tuple(
        Table(name, key="recorded_at") for name in ("asset_event", "check_evaluation", "freshness_change")
    ),
    "evaluations": (Table("asset_evaluation", key="id"),),
    "ticks": (
        Table("requested_run", key="id", unfinished="state = 'pending'"),
        Table("tick", key="id", unfinished="status IN ('WAITING', 'STARTED')"),
    ),
    "runs": (
        Table("run_label"),
        Table("run_status_event"),
        Table("step", of_run=True),
        Table("run_attempt", of_run=True),
        RUN,
    ),
}
# Whose rows are keyed by their run's id: they stay as long as the run is under way.
OF_RUNS = frozenset({"logs", "events", "runs"})
# Usage and cost are kept: they are small, and asked about over years.
KEPT = frozenset({"asset_usage", "step_usage"})
