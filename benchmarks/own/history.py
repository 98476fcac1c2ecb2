"""A long history: how quick its lists are with each of their filters, the run timeline, and what deleting a month of it takes."""

import os
import time
from collections.abc import Sequence
from typing import Any

import httpx

from benchmarks.measuring import Values
from benchmarks.own.history_questions import SHOWN, Question, lists, timelines
from benchmarks.own.inside import run_inside
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation

# `BENCHMARK_RUNS=100000` measures a tenth.
RUNS, EVENTS_EACH, WEEKS = int(os.environ.get("BENCHMARK_RUNS", "1_000_000")), 10, 5
ROUNDS, TIMELINE_ROUNDS = 3, 5
_SLOWEST = 5
Samples = dict[str, list[float]]


def long_history(installation: Installation) -> Values:
    """Lists over REST and by page, the timeline, then the deletion of what is older than a day."""
    began = time.perf_counter()
    made = _program(installation, "fill", RUNS, RUNS * EVENTS_EACH, WEEKS)
    say(f"{RUNS:,} runs with {RUNS * EVENTS_EACH:,} events after {time.perf_counter() - began:.0f} s")
    asked = _ask(installation, made, [*lists(made)], ROUNDS)
    shown = _ask(installation, made, [*timelines(made)], TIMELINE_ROUNDS)
    _tell(f"lists over {RUNS:,} runs", asked)
    _tell(f"the timeline over {SHOWN:,} shown runs", shown)
    dropped = _program(installation, "drop", made["slug"])
    say(f"Daggerboard: {RUNS:,} runs deleted in {dropped['seconds']:.1f} s")
    return {
        "list_million_runs_p95_ms": percentile(_all(asked), 95),
        "timeline_p95_ms": percentile(_all(shown), 95),
        "delete_30_days_s": dropped["seconds"],
    }


def _ask(installation: Installation, made: dict[str, Any], questions: Sequence[Question], rounds: int) -> Samples:
    """Milliseconds of each question."""
    token = {"Authorization": f"Bearer {made['token']}"}
    cookie = {"Cookie": f"{made['cookie']}={made['session']}"}
    samples: Samples = {}
    with httpx.Client(base_url=installation.url, timeout=60, trust_env=False) as http:
        for turn in range(rounds + 1):
            for address, asked in questions:
                url = httpx.URL(address, params=asked) if asked else httpx.URL(address)
                took = _fetch(http, url, token if address.startswith("/api/") else cookie)
                # What a process reads for the first time, it keeps.
                if turn:
                    samples.setdefault(str(url), []).append(took)
    return samples


def _fetch(http: httpx.Client, url: httpx.URL, headers: dict[str, str]) -> float:
    began = time.perf_counter()
    answer = http.get(url, headers=headers)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != httpx.codes.OK:
        raise MeasureError(f"{url} answered {answer.status_code}.")
    return took


def _all(samples: Samples) -> list[float]:
    return [took for found in samples.values() for took in found]


def _tell(what: str, samples: Samples) -> None:
    every = _all(samples)
    say(f"Daggerboard: {what} {spread(every)} ms, p95 {percentile(every, 95):.1f} ms; the slowest by their medians:")
    medians = {name: percentile(found, 50) for name, found in samples.items()}
    for name in sorted(medians, key=lambda name: -medians[name])[:_SLOWEST]:
        say(f"  {medians[name]:.0f} ms {name.partition('/prod/')[2]}")


def _program(installation: Installation, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = run_inside(installation, "history_rows", *words)
    return found
