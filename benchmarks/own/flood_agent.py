"""An agent made for the event measure: it speaks the wire like any agent, and starts nothing."""

import asyncio
import os
import platform
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agent.client import Client
from agent.protocol import (
    AttemptRef,
    DefinitionsFile,
    Goodbye,
    Heartbeat,
    HostFacts,
    Launch,
    LocationReport,
    LocationState,
    Poll,
    Register,
    Registered,
)
from agent.version import agent_version
from benchmarks.system import MeasureError

QUEUE = "flood"


class FloodAgent:
    """Registers for the queue `flood`, says that it has loaded a version, and takes launches."""

    def __init__(self, client: Client, registered: Registered, boot_id: str) -> None:
        self._client = client
        self._registered = registered
        self._boot_id = boot_id
        self._held: list[AttemptRef] = []

    @property
    def agent_id(self) -> str:
        return self._registered.agent_id

    async def report_loaded(self, version: dict[str, Any], version_id: str) -> None:
        """Say that `version_id` is loaded; the same code as `version`, whose definitions the control plane has."""
        report = LocationReport(
            agent_id=self.agent_id,
            version_id=version_id,
            state=LocationState.LOADED,
            load_seconds=version["load_seconds"],
            dagster_version=version["dagster_version"],
            python_version=version["python_version"],
            counts=version["counts"],
            manifest=DefinitionsFile(sha256=version["manifest_sha256"], bytes=0),
            snapshot=DefinitionsFile(sha256=version["snapshot_sha256"], bytes=0),
        )
        await self._client.report_location(report)

    async def take(self, count: int, *, seconds: float = 60) -> list[Launch]:
        """Poll until this many runs were given to this agent."""
        launches: list[Launch] = []
        async with asyncio.timeout(seconds):
            while len(launches) < count:
                work = await self._poll(count - len(launches), [launch.command_id for launch in launches])
                launches += work
        await self._poll(0, [launch.command_id for launch in launches])
        self._held = [
            AttemptRef(run_id=one.spec.run_id, attempt=one.spec.attempt, epoch=one.spec.epoch) for one in launches
        ]
        return launches

    async def _poll(self, free_slots: int, accepted: list[str]) -> list[Launch]:
        message = Poll(agent_id=self.agent_id, boot_id=self._boot_id, free_slots=free_slots, accepted=accepted)
        work = await self._client.poll(message, wait=self._registered.timing.poll_wait)
        return [command for command in work.commands if isinstance(command, Launch)]

    async def keep_leases(self) -> None:
        """Heartbeats until cancelled."""
        while True:
            await asyncio.sleep(self._registered.timing.heartbeat)
            beat = Heartbeat(agent_id=self.agent_id, boot_id=self._boot_id, attempts=self._held)
            leases = await self._client.heartbeat(beat, timeout=10)
            if leases.lost:
                raise MeasureError(f"{len(leases.lost)} leases were lost.")

    async def leave(self) -> None:
        await self._client.goodbye(Goodbye(agent_id=self.agent_id, boot_id=self._boot_id))


@asynccontextmanager
async def flood_agent(url: str, token: str) -> AsyncIterator[FloodAgent]:
    """A registered agent, which says goodbye at the end."""
    client = Client(url=url, token=lambda: token, proxy=None, tls=False)
    boot_id = str(uuid.uuid4())
    registered = await client.register(
        Register(name="flood", boot_id=boot_id, agent_version=agent_version(), queues=[QUEUE], host=_host())
    )
    agent = FloodAgent(client, registered, boot_id)
    try:
        yield agent
        await agent.leave()
    finally:
        await client.close()


def _host() -> HostFacts:
    return HostFacts(
        hostname=platform.node(),
        platform=platform.platform(),
        python_version=platform.python_version(),
        cpus=os.cpu_count() or 1,
        memory_bytes=0,
    )
