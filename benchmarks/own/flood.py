"""Events per second: many runs' events through the agent endpoint, over real HTTP, from several connections at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from agent.protocol import PROTOCOL_VERSION, EventsStored, Launch
from benchmarks.measuring import Values
from benchmarks.memory import resident_mb
from benchmarks.own.daggerboard import DaggerboardSystem
from benchmarks.own.flood_agent import QUEUE, FloodAgent, flood_agent
from benchmarks.own.flood_events import RunEvents
from benchmarks.progress import say
from benchmarks.projects.hundred import NAMES
from benchmarks.system import MeasureError
from tests.installation import Installation

PROJECT = Path(__file__).parents[1] / "projects"
# A quarter of a million events, after a tenth of that to warm up.
RUNS, WARM_UP_RUNS = 100, 10
# As many as agents that are busy at the same time; each sends one batch after another, as an agent does.
CONNECTIONS = 4


@dataclass(frozen=True)
class _Sender:
    """Where and as whom to send."""

    http: httpx.AsyncClient
    agent_id: str


def events_per_second(installation: Installation, system: DaggerboardSystem) -> Values:
    """Store the events of `RUNS` runs and see each of them succeeded and complete."""
    loaded = installation.deploy(
        "hundred", {"python_file": "hundred.py", "working_directory": str(PROJECT)}, seconds=120
    )
    return asyncio.run(_measure(installation, system, loaded["current_version"]))


async def _measure(installation: Installation, system: DaggerboardSystem, version: dict[str, Any]) -> Values:
    token = (installation.home / "agent.token").read_text().strip()
    web = psutil.Process(installation.pid_of("web"))
    run = RunEvents(job="__ASSET_JOB", steps=NAMES)
    async with flood_agent(installation.url, token) as agent, _connections(installation.url, token) as http:
        await agent.report_loaded(version, _deploy_for_flood(system, version))
        sender = _Sender(http, agent.agent_id)
        await _flood(system, agent, sender, run, WARM_UP_RUNS)
        before = resident_mb(web)
        rate = await _flood(system, agent, sender, run, RUNS)
    say(f"Daggerboard: web had {before:.0f} MB before the flood, {resident_mb(web):.0f} MB after")
    return {"events_per_second": rate}


def _deploy_for_flood(system: DaggerboardSystem, version: dict[str, Any]) -> str:
    """The same code on a queue that only the flood's agent serves; the id of the version."""
    target = {key: value for key, value in version["target"].items() if value is not None}
    made = system.client.put("code-locations/flood/", {"target": target, "queue": QUEUE})
    return str(made["desired_version"]["id"])


async def _flood(system: DaggerboardSystem, agent: FloodAgent, sender: _Sender, run: RunEvents, runs: int) -> float:
    """Launch, take, send, check; events per second of the sending alone."""
    for _ in range(runs):
        system.launch_request({"location": "flood", "assets": NAMES})
    launches = await agent.take(runs)
    queues = [[run.bodies(agent.agent_id, one) for one in launches[start::CONNECTIONS]] for start in range(CONNECTIONS)]
    leases = asyncio.create_task(agent.keep_leases())
    began = time.perf_counter()
    await asyncio.gather(*(_send_all(sender, queue) for queue in queues))
    took = time.perf_counter() - began
    leases.cancel()
    _check(system, launches, run)
    say(f"Daggerboard: {len(run) * runs} events of {runs} runs in {took:.1f} s")
    return len(run) * runs / took


async def _send_all(sender: _Sender, runs: Sequence[Sequence[bytes]]) -> None:
    for bodies in runs:
        for body in bodies:
            answer = await sender.http.post("events", content=body)
            answer.raise_for_status()
            if msgspec.json.decode(answer.content, type=EventsStored).attempts[0].fenced:
                raise MeasureError("Events of the flood were fenced.")


def _connections(url: str, token: str) -> httpx.AsyncClient:
    headers = {
        "Authorization": f"Bearer {token}",
        "Daggerboard-Protocol": PROTOCOL_VERSION,
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    return httpx.AsyncClient(base_url=f"{url}/agent/v1/", headers=headers, timeout=60, trust_env=False)


def _check(system: DaggerboardSystem, launches: Sequence[Launch], run: RunEvents) -> None:
    """Every run has succeeded with all its events, and a run's materializations are there."""
    for launch in launches:
        found = system.run(launch.spec.run_id)
        if (found["status"], found["event_count"]) != ("SUCCESS", len(run)):
            raise MeasureError(
                f"Run {found['id']} is {found['status']} with {found['event_count']} of {len(run)} events."
            )
    stored = system.materializations(launches[-1].spec.run_id)
    if stored != len(NAMES):
        raise MeasureError(f"The last run has {stored} materializations instead of {len(NAMES)}.")
