"""Is an agent well? Judged from several facts, each with its age, never from one. Pure: no database, no clock."""

import datetime
from dataclasses import dataclass
from enum import StrEnum


class AgentState(StrEnum):
    """What an agent is up to."""

    CONNECTED = "connected"
    DRAINING = "draining"
    STOPPED = "stopped"
    LOST = "lost"


@dataclass(frozen=True)
class Patience:
    """After how many seconds a silence means something."""

    # A poll is held this long, and the next one comes at once.
    poll: float
    # Nothing at all for so long: its leases have run out too.
    contact: float


@dataclass(frozen=True)
class Fact:
    """Something that was heard of an agent, and how long ago; None when never."""

    name: str
    seconds_ago: float | None


@dataclass(frozen=True)
class Verdict:
    """The state, why, and whether somebody should look at it."""

    state: AgentState
    cause: str
    needs_attention: bool


@dataclass(frozen=True)
class Heard:
    """When an agent was last heard, by kind; and when it said goodbye."""

    registered: datetime.datetime
    poll: datetime.datetime | None
    heartbeat: datetime.datetime | None
    events: datetime.datetime | None
    stopped: datetime.datetime | None
    draining: bool

    def facts(self, now: datetime.datetime) -> list[Fact]:
        """Each with its age."""
        heard = {"poll": self.poll, "heartbeat": self.heartbeat, "events": self.events, "registered": self.registered}
        return [Fact(name, max(0.0, (now - at).total_seconds()) if at else None) for name, at in heard.items()]


def judge(heard: Heard, *, now: datetime.datetime, patience: Patience) -> Verdict:
    """The newest fact decides whether the agent is there; a missing kind of fact, whether something in it hangs."""
    facts = {fact.name: fact.seconds_ago for fact in heard.facts(now)}
    newest, ago = min(((name, age) for name, age in facts.items() if age is not None), key=lambda fact: fact[1])
    # Whoever has just registered asks next.
    poll_ago = min(age for age in (facts["poll"], facts["registered"]) if age is not None)
    # Its last events may come after its goodbye; only whoever asks for work again is back.
    if heard.stopped is not None and (now - heard.stopped).total_seconds() <= poll_ago:
        return Verdict(
            AgentState.STOPPED, f"It said goodbye {age_text((now - heard.stopped).total_seconds())} ago.", False
        )
    if ago > patience.contact:
        return Verdict(AgentState.LOST, f"Nothing was heard for {age_text(ago)}; the last was {_WORDS[newest]}.", True)
    if poll_ago > patience.poll:
        cause = f"It has not asked for work for {age_text(poll_ago)}, but {_WORDS[newest]} came {age_text(ago)} ago."
        return Verdict(AgentState.CONNECTED, cause, True)
    if heard.draining:
        return Verdict(AgentState.DRAINING, "It finishes its runs and takes no new ones.", False)
    return Verdict(AgentState.CONNECTED, f"Heard {age_text(ago)} ago: {_WORDS[newest]}.", False)


_WORDS = {
    "poll": "a request for work",
    "heartbeat": "a renewal of its leases",
    "events": "a delivery of events",
    "registered": "its registration",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def age_text(seconds: float) -> str:
    """An age for people: 4 s, 3 min, 2 h, 5 d."""
    for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {word}"
    return f"{max(0.0, seconds):.0f} s"
