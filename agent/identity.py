"""Who this agent is to the control plane, and the timing it was given; remembered so that a restart needs no network."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from agent.files import read_or_none, write_atomically
from agent.protocol import Registered, Timing

if TYPE_CHECKING:
    from pathlib import Path

# Used until the control plane has said otherwise for the first time.
FIRST_TIMING = Timing(poll_wait=25.0, heartbeat=10.0, lease=60.0, lease_grace=15.0, event_flush=0.05, log_flush=0.25)


class _Remembered(msgspec.Struct):
    agent_id: str
    timing: Timing


class Identity:
    """`boot_id` is new for each process of the agent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.boot_id = str(uuid.uuid4())
        data = read_or_none(path)
        remembered = msgspec.json.decode(data, type=_Remembered) if data else None
        self.agent_id = remembered.agent_id if remembered else ""
        self.timing = remembered.timing if remembered else FIRST_TIMING

    def registered(self, answer: Registered) -> None:
        self.agent_id = answer.agent_id
        self.timing = answer.timing
        self._save()

    def set_timing(self, timing: Timing) -> None:
        if timing != self.timing:
            self.timing = timing
            self._save()

    def _save(self) -> None:
        write_atomically(self._path, msgspec.json.encode(_Remembered(agent_id=self.agent_id, timing=self.timing)))
