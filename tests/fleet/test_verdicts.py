"""The verdict on an agent: from several facts, never from one alone."""

import datetime

import pytest

from controlplane.fleet.health import AgentState, Heard, Patience, age_text, judge

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
PATIENCE = Patience(poll=45, contact=45)


def heard(*, draining: bool = False, registered: float = 3600, **ago: float) -> Heard:
    """When each fact was, in seconds before NOW."""
    at = {name: NOW - datetime.timedelta(seconds=seconds) for name, seconds in ago.items()}
    return Heard(
        registered=NOW - datetime.timedelta(seconds=registered),
        poll=at.get("poll"),
        heartbeat=at.get("heartbeat"),
        events=at.get("events"),
        stopped=at.get("stopped"),
        draining=draining,
    )


@pytest.mark.parametrize(
    ("facts", "state", "attention", "cause"),
    [
        (heard(poll=3), AgentState.CONNECTED, False, "Heard 3 s ago: a request for work."),
        # Held polls: the last one began half a minute ago, and nothing is wrong.
        (heard(poll=30), AgentState.CONNECTED, False, "Heard 30 s ago: a request for work."),
        (heard(registered=2), AgentState.CONNECTED, False, "Heard 2 s ago: its registration."),
        (heard(poll=3, draining=True), AgentState.DRAINING, False, "It finishes its runs and takes no new ones."),
        (heard(poll=10, stopped=9), AgentState.STOPPED, False, "It said goodbye 9 s ago."),
        # Back again since it said goodbye.
        (heard(poll=10, stopped=9, heartbeat=5, events=1), AgentState.STOPPED, False, "It said goodbye 9 s ago."),
        (heard(poll=1, stopped=9), AgentState.CONNECTED, False, "Heard 1 s ago: a request for work."),
        (heard(registered=1, poll=400, stopped=9), AgentState.CONNECTED, False, "Heard 1 s ago: its registration."),
        (
            heard(poll=600, heartbeat=200, events=170),
            AgentState.LOST,
            True,
            "Nothing was heard for 3 min; the last was a delivery of events.",
        ),
        (heard(registered=90_000), AgentState.LOST, True, "Nothing was heard for 25 h; the last was its registration."),
        # Its runs succeed, so it is not lost; but it takes no new ones.
        (
            heard(poll=600, heartbeat=4, events=2),
            AgentState.CONNECTED,
            True,
            "It has not asked for work for 10 min, but a delivery of events came 2 s ago.",
        ),
        (
            heard(registered=600, heartbeat=4),
            AgentState.CONNECTED,
            True,
            "It has not asked for work for 10 min, but a renewal of its leases came 4 s ago.",
        ),
    ],
)
def test_verdict(facts: Heard, state: AgentState, attention: bool, cause: str) -> None:
    verdict = judge(facts, now=NOW, patience=PATIENCE)

    assert (verdict.state, verdict.needs_attention, verdict.cause) == (state, attention, cause)


def test_every_fact_has_its_age() -> None:
    facts = heard(poll=3, heartbeat=7).facts(NOW)

    assert {fact.name: fact.seconds_ago for fact in facts} == {
        "poll": 3,
        "heartbeat": 7,
        "events": None,
        "registered": 3600,
    }


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_age_in_words(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
