"""One attempt at a run on this agent: its folder, its durable state, its spool. What happens to it is decided elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from agent import machine
from agent.changes import Changes
from agent.files import is_safe_name, private_folder, read_or_none, write_atomically
from agent.protocol import AttemptRef, ExitReason, Launch
from agent.spool import NewEvent, Spool

if TYPE_CHECKING:
    from pathlib import Path

    from agent.executors import Process


class Phase(StrEnum):
    """How far the start came; written before the step it names, so that after a crash the truth is never ahead of it."""

    ACCEPTED = "accepted"
    STARTING = "starting"
    STARTED = "started"


class AttemptState(msgspec.Struct, kw_only=True):
    """What a restarted agent must know; rewritten at each change."""

    phase: Phase = Phase.ACCEPTED
    pid: int | None = None
    start_ticks: int | None = None
    mode: str | None = None
    # Who was asked to make the process: a code worker.
    starter_pid: int | None = None
    starter_ticks: int | None = None
    cancel_grace: float | None = None
    oom_kills_before: int = 0
    unsupported: list[str] = []
    # Whether its code location had values to mask when it started; None before.
    has_secrets: bool | None = None


class Accepted(msgspec.Struct, kw_only=True):
    """The command as it came, and the boot of the machine it came in."""

    boot_id: str
    launch: Launch
    # When the lease began, on the clock of agent/machine.py.
    renewed_at: float


class Attempt:
    """State shared by the tasks that look after one attempt."""

    def __init__(self, folder: Path, accepted: Accepted) -> None:
        self.folder = folder
        self.launch = accepted.launch
        self.same_boot = accepted.boot_id == machine.boot_id()
        self.state = _read_state(folder)
        self.spool = Spool(folder)
        self.claimed_at = accepted.renewed_at
        self.renewed_at = accepted.renewed_at
        self.process: Process | None = None
        self.stop_reason: ExitReason | None = None
        self.dropped = asyncio.Event()
        self.connections = 0
        self.changes = Changes()
        self.stop_requested = asyncio.Event()
        self.started = asyncio.Event()
        self.first_event = asyncio.Event()
        self.process_gone = asyncio.Event()
        self.shipped = asyncio.Event()
        self.logs_shipped = asyncio.Event()
        self.hello: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        if self.spool.has_child_events:
            self.first_event.set()

    @property
    def id(self) -> str:
        return attempt_id(self.launch)

    @property
    def ref(self) -> AttemptRef:
        spec = self.launch.spec
        return AttemptRef(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch)

    @property
    def was_renewed(self) -> bool:
        """Whether the control plane has confirmed that it knows this attempt to be here."""
        # Stored events say so as much as a renewal does.
        return self.renewed_at > self.claimed_at or self.spool.acknowledged > 0

    @property
    def unforked_mark(self) -> Path:
        """Laid down before a fork is asked for and taken away by the worker just before it forks (docs/code-worker.md)."""
        return self.folder / "unforked"

    @property
    def canceling(self) -> bool:
        return self.state.cancel_grace is not None

    def update(self, **changes: Any) -> None:
        """Change the durable state; raise OSError when it could not be written, changed or not."""
        for name, value in changes.items():
            setattr(self.state, name, value)
        write_atomically(self.folder / "state.json", msgspec.json.encode(self.state))

    def update_if_possible(self, **changes: Any) -> None:
        """Change state that a restarted agent can do without."""
        with contextlib.suppress(OSError):
            self.update(**changes)

    @property
    def spec(self) -> dict[str, Any]:
        """Answer the RunSpec as the code worker reads it: every field is there."""
        return msgspec.structs.asdict(self.launch.spec)

    def write_spec(self) -> None:
        write_atomically(self.folder / "spec.json", msgspec.json.encode(self.spec))

    def stop(self, reason: ExitReason, *, drop: bool = False) -> None:
        """Ask for the end of this attempt; the first reason is the one that counts."""
        self.stop_reason = self.stop_reason or reason
        self.stop_requested.set()
        if drop:
            self.dropped.set()

    def remove(self) -> None:
        self.spool.close()
        # First out of sight in one step: half a folder must not be taken for an attempt after a crash.
        trash = self.folder.with_name(f".gone.{self.folder.name}")
        with contextlib.suppress(OSError):
            self.folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)


def attempt_id(launch: Launch) -> str:
    """As logs and messages name it."""
    return f"{launch.spec.run_id}/{launch.spec.attempt}"


def folder_name(launch: Launch) -> str:
    """The name of its folder. SECURITY: ValueError for a run id that would lead elsewhere."""
    if not is_safe_name(launch.spec.run_id):
        raise ValueError(f"{launch.spec.run_id!r} is not a run id")
    return f"{launch.spec.run_id}.{launch.spec.attempt}"


def accept(attempts_folder: Path, launch: Launch, *, renewed_at: float) -> Attempt:
    """Make a launch durable."""
    folder = private_folder(attempts_folder / folder_name(launch))
    private_folder(folder / "logs")
    accepted = Accepted(boot_id=machine.boot_id(), launch=launch, renewed_at=renewed_at)
    write_atomically(folder / "launch.json", msgspec.json.encode(accepted), durable=True)
    return Attempt(folder, accepted)


def reopen(folder: Path, *, renewed_at: float) -> Attempt | None:
    """Answer what an earlier agent process left in a folder; clear it away if that never was, or is no more, an attempt."""
    data = None if folder.name.startswith(".") else read_or_none(folder / "launch.json")
    if data is None:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    attempt = Attempt(folder, msgspec.json.decode(data, type=Accepted))
    attempt.renewed_at = max(attempt.renewed_at, renewed_at)
    return attempt


def own_event(event_type: str, message: str, *, level: int = 20, **fields: Any) -> NewEvent:
    """Make an event of the agent itself."""
    body = {"ts": time.time(), "type": event_type, "level": level, "message": message, **fields}
    return NewEvent(type=event_type, body=msgspec.json.encode(body))


def _read_state(folder: Path) -> AttemptState:
    data = read_or_none(folder / "state.json")
    return AttemptState() if data is None else msgspec.json.decode(data, type=AttemptState)


def disk_usage(folder: Path) -> int:
    """Answer bytes really used below a folder (holes in sparse files do not count)."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH116, PTH118 - hot loop
    return total
