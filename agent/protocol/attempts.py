"""Attempts at runs: their leases, and how they end."""

from __future__ import annotations

from enum import StrEnum

from agent.protocol.message import Message


class AttemptRef(Message, frozen=True):
    """One attempt, fenced by its epoch."""

    run_id: str
    attempt: int
    epoch: int


class Heartbeat(Message, frozen=True):
    """Renews the leases of every attempt this agent holds; sent every `timing.heartbeat` seconds while it holds any."""

    agent_id: str
    boot_id: str
    attempts: list[AttemptRef] = []


class Leases(Message, frozen=True):
    """`lost`: not yours any more, kill it and drop its spool. `cancel`: being cancelled (backs up the Cancel command)."""

    lost: list[AttemptRef] = []
    cancel: list[AttemptRef] = []
    # The agent's next credential (since 1.1).
    credential: str | None = None


class ExitReason(StrEnum):
    """Why an attempt's process ended, as far as the agent can tell (data.reason of AGENT_EXITED)."""

    FINISHED = "finished"
    CRASHED = "crashed"
    KILLED_BY_SIGNAL = "killed_by_signal"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELED = "canceled"
    LEASE_LOST = "lease_lost"
    START_TIMEOUT = "start_timeout"
    CODE_NOT_LOADED = "code_not_loaded"
