"""`python -m benchmarks.own.greedy URL`: the agent of an organization with a long queue. It takes runs and reports them done, without an end.

Reads one line of JSON from standard input: the agent's token, its name, and the version it has loaded.
"""

import asyncio
import json
import os
import platform
import sys
import time
import uuid

import msgspec

from agent.client import Client
from agent.protocol import (
    AttemptEvents,
    DefinitionsFile,
    Event,
    EventBatch,
    HostFacts,
    Launch,
    LocationReport,
    LocationState,
    Poll,
    Register,
)
from agent.version import agent_version

SLOTS = 10
# A run of these takes the control plane what a small real one takes it.
_EVENTS = ("AGENT_STARTED", "PIPELINE_START", "PIPELINE_SUCCESS", "AGENT_EXITED")


async def main(url: str, known: dict[str, str]) -> None:
    client = Client(url=url, token=lambda: known["agent_token"], proxy=None, tls=False)
    boot_id = str(uuid.uuid4())
    host = HostFacts(
        hostname=platform.node(),
        platform=platform.platform(),
        python_version=platform.python_version(),
        cpus=os.cpu_count() or 1,
        memory_bytes=0,
    )
    registered = await client.register(
        Register(name=known["agent"], boot_id=boot_id, agent_version=agent_version(), queues=["default"], host=host)
    )
    await client.report_location(
        LocationReport(
            agent_id=registered.agent_id,
            version_id=known["version_id"],
            state=LocationState.LOADED,
            load_seconds=0.1,
            manifest=DefinitionsFile(sha256=known["manifest_sha256"], bytes=0),
        )
    )
    accepted: list[str] = []
    while True:
        message = Poll(agent_id=registered.agent_id, boot_id=boot_id, free_slots=SLOTS, accepted=accepted)
        work = await client.poll(message, wait=registered.timing.poll_wait)
        launches = [command for command in work.commands if isinstance(command, Launch)]
        accepted = [launch.command_id for launch in launches]
        if launches:
            batch = EventBatch(agent_id=registered.agent_id, attempts=[_done(one) for one in launches])
            await client.events(msgspec.json.encode(batch))


def _done(launch: Launch) -> AttemptEvents:
    spec, now = launch.spec, time.time()
    events = [
        Event(
            seq=number, ts=now, type=type_, data={"exit_code": 0, "reason": "finished"} if "EXITED" in type_ else None
        )
        for number, type_ in enumerate(_EVENTS, start=1)
    ]
    return AttemptEvents(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch, events=events)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.stdin.readline())))
