"""An agent comes and goes."""

from __future__ import annotations

from agent.protocol.message import Message


class HostFacts(Message, frozen=True):
    """Facts about the machine, for people to read."""

    hostname: str
    platform: str
    python_version: str
    cpus: int
    memory_bytes: int


class Register(Message, frozen=True):
    """First request of an agent process. `name` is stable across restarts, `boot_id` is new for each process."""

    name: str
    boot_id: str
    agent_version: str
    queues: list[str]
    host: HostFacts
    # The agent's X25519 key in Base64 and its id (agent/sealed_box.py), for values that only it can open (since 1.1).
    public_key: str | None = None
    key_id: str | None = None


class Timing(Message, frozen=True):
    """Seconds, decided by the control plane and changed without a release of the agent."""

    poll_wait: float
    heartbeat: float
    lease: float
    # An attempt whose lease was never renewed may be started elsewhere: after `lease + lease_grace` the agent kills it (promise R5).
    lease_grace: float
    event_flush: float
    log_flush: float
    # Once it was renewed, the control plane knows that it runs and starts no other by itself: it goes on for so long without contact.
    outage: float = 86_400.0


class Registered(Message, frozen=True):
    """The agent's identity and its timing. `credential` stands for the token in everything that this process sends from now on; it is
    short-lived, and the answers to polls and heartbeats bring the next one in time (since 1.1).
    """

    agent_id: str
    organization: str
    timing: Timing
    server_time: float
    credential: str | None = None


class Goodbye(Message, frozen=True):
    """The agent stops now, by itself; it holds no attempts any more unless `handing_over` lists them (they keep running)."""

    agent_id: str
    boot_id: str
    handing_over: list[str] = []
