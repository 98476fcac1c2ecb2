"""What is measured: one Figure per row of the table, with its unit and its goal."""

from dataclasses import dataclass

PROCESSES = ("postgres", "redis", "web", "worker", "evaluator", "clock", "agent", "code_worker")


@dataclass(frozen=True)
class Figure:
    """A number with a name. `goal` is a most, or a least where `more_is_better`; None where there is no goal."""

    key: str
    unit: str
    goal: float | None
    says: str
    more_is_better: bool = False

    def meets(self, value: float) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return value >= self.goal if self.more_is_better else value <= self.goal


FIGURES = (
    Figure("launch_to_success_p50_ms", "ms", 200, "launch over the API until SUCCESS can be read, one asset, median"),
    Figure("launch_to_success_p95_ms", "ms", 500, "the same, 95th percentile"),
    Figure("runs_per_minute", "runs/min", 600, "one-asset runs, all launched at once, until all are done", True),
    Figure("start_300_queued_s", "s", 15, "300 queued one-asset runs, let go at once, until the last has started"),
    Figure("five_step_run_ms", "ms", 700, "a job of five steps in a row, a process each"),
    Figure("thousand_log_lines_added_ms", "ms", 150, "what 1,000 lines of context.log.info add to a run"),
    Figure("events_per_second", "events/s", 30_000, "events stored through the agent endpoint, with projections", True),
    Figure("log_line_visible_p95_ms", "ms", 500, "from print in user code to the line in a browser"),
    Figure("graph_5000_api_ms", "ms", 150, "asset graph of 5,000 assets over the API, warm"),
    Figure("graph_5000_interactive_ms", "ms", 1_000, "lineage page of 5,000 assets, until it can be used"),
    Figure("sign_in_p95_ms", "ms", 250, "signing in with a password, from the form to the session, p95"),
    Figure("list_10k_orgs_p95_ms", "ms", 150, "lists over REST at 10,000 organizations with 1,000,000 runs"),
    Figure(
        "list_million_runs_p95_ms", "ms", 500, "lists and pages over 1,000,000 runs and 10,000,000 events, every filter"
    ),
    Figure("timeline_p95_ms", "ms", 500, "the run timeline over 10,000 shown runs of these, by each group, p95"),
    Figure("delete_30_days_s", "s", 10, "deleting a month of these: 1,000,000 runs, 10,000,000 events"),
    Figure("claim_10k_queued_p95_ms", "ms", 20, "giving an agent its next run beside 10,000 queued ones, p95"),
    Figure(
        "fair_wait_ratio", "x", 2, "a run's wait beside an organization with 5,000 queued runs, to its wait alone, p95"
    ),
    Figure(
        "ready_seconds", "s", 30, "`daggerboard up` in an empty folder until ready, first run of the sample included"
    ),
    Figure("conditions_idle_percent", "% of a core", 1, "1,000 eager assets while nothing happens: the evaluator"),
    Figure(
        "condition_requested_p95_s",
        "s",
        3,
        "an upstream change until what follows is requested, 1,000 eager assets, p95",
    ),
    Figure("permission_check_ms", "ms", 10, "what finding out who may costs a request: 42 grants, five teams, median"),
    Figure(
        "pull_request_ready_p95_s",
        "s",
        20,
        "a pull request opened until its code is loaded and the comment says so, p95",
    ),
    Figure("push_ready_p95_s", "s", 10, "the same for a push to it"),
    Figure(
        "branch_wake_p95_s", "s", 5, "a sleeping branch deployment, from the wish until a run of it is claimed, p95"
    ),
    Figure(
        "agent_restart_20_locations_s", "s", 15, "an agent killed until the next has its 20 locations, none reloaded"
    ),
    Figure("branch_page_p95_ms", "ms", 200, "pages of 200 sleeping branch deployments of ten code locations each, p95"),
    Figure("storage_200_branches_ratio", "x", 2, "what 200 branch deployments store, to what one does"),
    Figure(
        "sensor_tick_queued_p95_ms",
        "ms",
        1_000,
        "500 sensors at 30 s, one in twenty hangs: from a tick's due time until the run it asks for is queued, p95",
    ),
    Figure(
        "partition_page_p95_ms",
        "ms",
        1_000,
        "pages of 500,000 partitions of an asset: table, ranges, filters, REST, p95",
    ),
    Figure("partition_map_p95_ms", "ms", 1_500, "the heat map of these, all of it and a part looked at closer, p95"),
    Figure(
        "partition_launch_p95_ms",
        "ms",
        1_000,
        "launching some of these: the launchpad and its search, the backfill form and what it comes to, p95",
    ),
    Figure("partition_payload_kb", "kB", 300, "the largest answer of all these, before it is compressed"),
    Figure(
        "backfill_2000_planned_s",
        "s",
        5,
        "a backfill of 2,000 partitions of two assets, from the request until planned",
    ),
    *(Figure(f"rss_mb_{name}", "MB", None, f"resident memory of {name} after all that") for name in PROCESSES),
)
BY_KEY = {figure.key: figure for figure in FIGURES}
