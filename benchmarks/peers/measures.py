"""The peer's figures. Fewer repetitions than Daggerboard's: the same work takes it minutes."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks import runs
from benchmarks.measuring import Values, gather
from benchmarks.memory import resident_mb, tree_mb
from benchmarks.peers.environment import SAMPLE, command, interpreter
from benchmarks.peers.graphql import DagsterSystem, GraphQL
from benchmarks.peers.server import Server, process, started, wait_loaded
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError, Work, run_to_success
from controlplane.embedded.ports import free_port
from tests.installation import PROJECTS

LAUNCHES, RUNS, REPEATS, GRAPHS = 10, 20, 3, 5
# Runs of ten steps: 250 events each.
STORED_RUNS = 4
ROOT = Path(__file__).parents[2]
WIDE = ROOT / "benchmarks" / "projects" / "wide.py"


def measure(keys: frozenset[str]) -> Values:
    """The figures among `keys` that the peer has."""
    values: Values = {}
    if keys & {"ready_seconds"}:
        gather(values, "Dagster's start", ready)
    if keys & _SERVED:
        gather(values, "Dagster with the acceptance project", lambda: _acceptance(keys))
    if keys & {"graph_5000_api_ms"}:
        gather(values, "Dagster with 5,000 assets", _wide)
    return values


def ready() -> Values:
    """`dagster dev` in an empty folder, SQLite storage, until the sample's first run has succeeded."""
    with tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-peer-") as folder:
        home, port = Path(folder), free_port()
        words = [
            command("dagster"),
            "dev",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-d",
            str(SAMPLE),
            "-m",
            "flights.definitions",
        ]
        began = time.perf_counter()
        with process(words, home, "dev", FLIGHTS_DATA_DIR=str(home / "data")) as server:
            graphql = GraphQL(f"http://127.0.0.1:{port}")
            wait_loaded(graphql, server, home)
            say(f"Dagster: loaded after {time.perf_counter() - began:.1f} s")
            run_to_success(DagsterSystem(graphql), Work(job="first_materialization"), seconds=180)
        return {"ready_seconds": time.perf_counter() - began}


def _acceptance(keys: frozenset[str]) -> Values:
    values: Values = {}
    with started(PROJECTS / "acceptance" / "acceptance.py") as server:
        system = DagsterSystem(server.graphql())
        for wanted, what, work in _measures(system, server):
            if keys & wanted:
                gather(values, f"Dagster: {what}", work)
    return values


def _measures(system: DagsterSystem, server: Server) -> list[tuple[frozenset[str], str, Callable[[], Values]]]:
    latency = frozenset({"launch_to_success_p50_ms", "launch_to_success_p95_ms"})
    return [
        (latency, "launches", lambda: runs.launch_latency(system, runs=LAUNCHES)),
        (frozenset({"five_step_run_ms"}), "five steps", lambda: runs.five_steps(system, repeats=REPEATS)),
        (frozenset({"thousand_log_lines_added_ms"}), "log lines", lambda: runs.log_lines(system, repeats=REPEATS)),
        (frozenset({"runs_per_minute"}), "many runs", lambda: runs.throughput(system, runs=RUNS)),
        (frozenset({"events_per_second"}), "events", lambda: _events(server)),
        (_MEMORY, "memory", lambda: _memory(server)),
    ]


def _events(server: Server) -> Values:
    """Its runs store events in its database themselves, so that is where the rate is taken, without HTTP."""
    answer = subprocess.run(
        [str(interpreter()), "-m", "benchmarks.peers.store_events", str(STORED_RUNS)],
        env={**os.environ, "DAGSTER_HOME": str(server.home), "PYTHONPATH": str(ROOT)},
        cwd=server.home, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if answer.returncode:
        raise MeasureError(answer.stderr[-2000:])
    stored = json.loads(answer.stdout.splitlines()[-1])
    if stored["events"] != stored["expected"]:
        raise MeasureError(f"Dagster stored {stored['events']} of {stored['expected']} events.")
    return {"events_per_second": stored["events"] / stored["seconds"]}


def _wide() -> Values:
    with started(WIDE) as server:
        graphql, samples = server.graphql(), list[float]()
        for _ in range(GRAPHS + 1):
            began = time.perf_counter()
            nodes = graphql.asset_graph()
            samples.append((time.perf_counter() - began) * 1000)
            if nodes != 5000:
                raise MeasureError(f"Dagster's graph has {nodes} assets.")
    say(f"Dagster: graph of 5,000 assets cold {samples[0]:.0f} ms, warm {spread(samples[1:])} ms")
    return {"graph_5000_api_ms": percentile(samples[1:], 50)}


def _memory(server: Server) -> Values:
    """The daemon stands beside our worker; each of its two processes has a code server, of which one is counted."""
    code_servers = [child for child in server.webserver.children(recursive=True) if _is_code_server(child)]
    return {
        "rss_mb_postgres": tree_mb(server.postgres),
        "rss_mb_web": resident_mb(server.webserver),
        "rss_mb_worker": resident_mb(server.daemon),
        "rss_mb_code_worker": resident_mb(code_servers[0]),
    }


def _is_code_server(child: psutil.Process) -> bool:
    return "grpc" in " ".join(child.cmdline())


_MEMORY = frozenset({"rss_mb_postgres", "rss_mb_web", "rss_mb_worker", "rss_mb_code_worker"})
_SERVED = _MEMORY | {
    "launch_to_success_p50_ms",
    "launch_to_success_p95_ms",
    "five_step_run_ms",
    "thousand_log_lines_added_ms",
    "runs_per_minute",
    "events_per_second",
}
