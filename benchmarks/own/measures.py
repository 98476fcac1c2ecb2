"""Daggerboard's figures: which measure gives which of them, in the order in which they are taken."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import runs
from benchmarks.figures import PROCESSES
from benchmarks.measuring import Values, gather
from benchmarks.own import partitions
from benchmarks.own.agent_restart import agent_restart
from benchmarks.own.claim import claim
from benchmarks.own.conditions import conditions
from benchmarks.own.cpu import cpu_told
from benchmarks.own.daggerboard import DaggerboardSystem
from benchmarks.own.flood import events_per_second
from benchmarks.own.full_queue import full_queue
from benchmarks.own.graph import api
from benchmarks.own.history import long_history
from benchmarks.own.lineage_page import graph_interactive
from benchmarks.own.log_line import log_line_visible
from benchmarks.own.many_branches import many_branches
from benchmarks.own.permission_check import permission_check
from benchmarks.own.processes import memory
from benchmarks.own.pull_requests import pull_requests
from benchmarks.own.ready import ready
from benchmarks.own.sensor_ticks import sensor_ticks
from benchmarks.own.sign_in import sign_in
from benchmarks.own.tenants import fair_wait, list_pages
from tests.installation import Installation, installed

# These bring what they need themselves.
ALONE: dict[str, tuple[frozenset[str], Callable[[], Values]]] = {
    "start in an empty folder": (frozenset({"ready_seconds"}), ready),
    "who may": (frozenset({"permission_check_ms"}), permission_check),
    "claims beside a long queue": (frozenset({"claim_10k_queued_p95_ms"}), claim),
    "pull requests": (
        frozenset({"pull_request_ready_p95_s", "push_ready_p95_s", "branch_wake_p95_s"}),
        pull_requests,
    ),
    "restart of the agent": (frozenset({"agent_restart_20_locations_s"}), agent_restart),
    "1,000 eager assets": (frozenset({"conditions_idle_percent", "condition_requested_p95_s"}), conditions),
    "500,000 partitions": (frozenset(partitions.FIGURES), partitions.partitions),
    "a backfill of 2,000 partitions": (frozenset({"backfill_2000_planned_s"}), partitions.backfill),
    "500 sensors": (frozenset({"sensor_tick_queued_p95_ms"}), sensor_ticks),
    "many branches": (frozenset({"branch_page_p95_ms", "storage_200_branches_ratio"}), many_branches),
}
LAUNCHES, RUNS, REPEATS = 60, 100, 9
Measure = tuple[frozenset[str], str, Callable[[], Values]]


def measure(keys: frozenset[str]) -> Values:
    """The figures among `keys`, each on a fresh installation that has done nothing but the measures before it."""
    values: Values = {}
    for what, (given, work) in ALONE.items():
        if keys & given:
            gather(values, what, work)
    if keys.difference(*(given for given, _work in ALONE.values())):
        gather(values, "an installation with the acceptance project", lambda: _installed(keys))
    return values


def _installed(keys: frozenset[str]) -> Values:
    values: Values = {}
    with _acceptance() as installation:
        system = DaggerboardSystem(installation)
        for wanted, what, work in _measures(installation, system):
            if keys & wanted:
                with cpu_told(installation):
                    gather(values, what, work)
    return values


def _measures(installation: Installation, system: DaggerboardSystem) -> Iterator[Measure]:
    latency = frozenset({"launch_to_success_p50_ms", "launch_to_success_p95_ms"})
    yield latency, "launches", lambda: runs.launch_latency(system, runs=LAUNCHES)
    yield frozenset({"runs_per_minute"}), "many runs", lambda: runs.throughput(system, runs=RUNS)
    yield frozenset({"start_300_queued_s"}), "a full queue", lambda: full_queue(system)
    yield frozenset({"five_step_run_ms"}), "five steps", lambda: runs.five_steps(system, repeats=REPEATS)
    yield frozenset({"thousand_log_lines_added_ms"}), "log lines", lambda: runs.log_lines(system, repeats=REPEATS)
    yield (
        frozenset({"log_line_visible_p95_ms"}),
        "log line in a browser",
        lambda: log_line_visible(installation, system),
    )
    yield frozenset({"graph_5000_api_ms"}), "graph of 5,000 assets", lambda: api(installation, system)
    yield (
        frozenset({"graph_5000_interactive_ms"}),
        "lineage page of 5,000 assets",
        lambda: graph_interactive(installation),
    )
    yield frozenset({"sign_in_p95_ms"}), "signing in", lambda: sign_in(installation)
    yield frozenset({"fair_wait_ratio"}), "a long queue beside", lambda: fair_wait(installation, system)
    yield frozenset({"events_per_second"}), "events", lambda: events_per_second(installation, system)
    yield frozenset({"list_10k_orgs_p95_ms"}), "lists among many organizations", lambda: list_pages(installation)
    yield (
        frozenset({"list_million_runs_p95_ms", "timeline_p95_ms", "delete_30_days_s"}),
        "a long history",
        lambda: long_history(installation),
    )
    yield frozenset(f"rss_mb_{name}" for name in PROCESSES), "memory", lambda: memory(installation)


@contextmanager
def _acceptance() -> Iterator[Installation]:
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        installation.deploy_acceptance()
        yield installation
