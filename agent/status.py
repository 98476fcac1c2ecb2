"""What the agent says about itself in `status.json`, once a second, and what is read from there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from agent import log, machine
from agent.files import read_or_none, write_atomically
from agent.version import agent_version

if TYPE_CHECKING:
    from agent.agent import Agent
    from agent.home import Home

EVERY = 1.0
# An event loop that was away this long was stopped, or something in it blocks.
STALL = 5.0
# Polls that fail for this many poll waits are worth a warning.
QUIET_POLLS = 3


class StatusFile:
    """Writes the status and watches the agent itself: its loop and its contact."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._started_at = machine.now()
        self._warned = False

    async def run(self) -> None:
        while True:
            before = machine.now()
            # A full disk only makes the status old.
            with contextlib.suppress(OSError):
                write_atomically(self._agent.home.status, msgspec.json.encode(snapshot(self._agent)))
            self._watch_contact()
            await asyncio.sleep(EVERY)
            if (away := machine.now() - before - EVERY) > STALL:
                log.warning("agent.stalled", seconds=away, effect="leases may have run out meanwhile")

    def _watch_contact(self) -> None:
        since = machine.now() - (self._agent.poller.last_success or self._started_at)
        quiet = since > QUIET_POLLS * self._agent.identity.timing.poll_wait
        if quiet and not self._warned:
            log.warning("agent.out_of_contact", seconds=since, effect="runs go on, their events wait on this disk")
        if self._warned and not quiet:
            log.info("agent.in_contact_again")
        self._warned = quiet


def snapshot(agent: Agent) -> dict[str, Any]:
    """What `daggerboard-agent status` shows, as plain JSON."""
    last = agent.poller.last_success
    return {
        "written_at": time.time(),
        "pid": os.getpid(),
        "version": agent_version(),
        "name": agent.config.agent_name,
        "agent_id": agent.identity.agent_id,
        "url": agent.config.url,
        "draining": agent.poller.draining,
        "slots": {"total": agent.config.slots, "free": agent.poller.free_slots},
        "seconds_since_poll": None if last is None else round(machine.now() - last, 1),
        "rss_bytes": psutil.Process().memory_info().rss,
        "disk": {
            "free_bytes": agent.disk.free_bytes,
            "low": agent.disk.low,
            "blocked_runs": sorted(agent.disk.blocked),
        },
        "locations": [
            {**one.ids, "state": one.state, "mode": one.worker.mode if one.worker else None}
            for one in agent.locations.all()
        ],
        "attempts": [
            {
                "id": one.id,
                "job": one.launch.spec.job,
                "pid": one.process.pid if one.process else None,
                "mode": one.process.mode if one.process else None,
                "phase": "ended" if one.process_gone.is_set() else str(one.state.phase),
                "unsent_events": one.spool.pending,
                "seconds_since_renewal": round(machine.now() - one.renewed_at, 1),
            }
            for one in agent.attempts.all()
        ],
    }


def read_status(home: Home) -> dict[str, Any] | None:
    """Answer what an agent last wrote, and whether it runs; None if none ever ran here."""
    data = read_or_none(home.status)
    if data is None:
        return None
    return {**msgspec.json.decode(data, type=dict[str, Any]), "running": home.is_in_use()}
