"""The asset graph of 5,000 assets, over the API."""

import time
from pathlib import Path

from benchmarks.measuring import Values
from benchmarks.own.daggerboard import DaggerboardSystem
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation

PROJECT = Path(__file__).parents[1] / "projects"
LOCATION, ASSETS = "wide", 5000
REPEATS = 15


def deploy_wide(installation: Installation) -> None:
    """Deploy the generated project, as anybody's project is deployed; once."""
    with installation.client as client:
        if any(location["name"] == LOCATION for location in client.pages("code-locations/")):
            return
    loaded = installation.deploy(LOCATION, {"python_file": "wide.py", "working_directory": str(PROJECT)}, seconds=300)
    counts = loaded["current_version"]["counts"]
    if counts["assets"] != ASSETS:
        raise MeasureError(f"The project has {counts['assets']} assets instead of {ASSETS}.")


def api(installation: Installation, system: DaggerboardSystem) -> Values:
    """The first answer after the deploy is cold; the others are what counts."""
    deploy_wide(installation)
    samples = [_fetch(system) for _ in range(REPEATS + 1)]
    say(f"Daggerboard: graph of 5,000 assets cold {samples[0]:.0f} ms, warm {spread(samples[1:])} ms")
    return {"graph_5000_api_ms": percentile(samples[1:], 50)}


def _fetch(system: DaggerboardSystem) -> float:
    began = time.perf_counter()
    graph = system.client.get("asset-graph/")
    took = (time.perf_counter() - began) * 1000
    wide = [node for node in graph["nodes"] if node["location"] == LOCATION]
    if len(wide) != ASSETS:
        raise MeasureError(f"The graph has {len(wide)} of {ASSETS} assets.")
    return took
