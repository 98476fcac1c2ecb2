"""How an agent asks for work."""

from __future__ import annotations

from agent.protocol.code_locations import DesiredLocation
from agent.protocol.commands import Command
from agent.protocol.message import Message
from agent.protocol.registration import Timing


class Poll(Message, frozen=True):
    """Ask for work. `accepted` are command ids now durable on the agent: they are never delivered again.

    `free_slots` is how many more attempts this agent will start; 0 while draining. `desired_etag` is the etag of the last
    `Desired` this process received (null at first).
    """

    agent_id: str
    boot_id: str
    free_slots: int
    accepted: list[str] = []
    desired_etag: str | None = None
    draining: bool = False
    spooled_events: int = 0


class Desired(Message, frozen=True):
    """The whole set of location versions this agent should serve; what is not listed is unloaded after its attempts end."""

    etag: str
    locations: list[DesiredLocation]


class Work(Message, frozen=True):
    """Answer to a poll: commands leased to this agent, and the desired locations when they changed."""

    commands: list[Command] = []
    desired: Desired | None = None
    timing: Timing | None = None
    # The agent's next credential (since 1.1).
    credential: str | None = None
