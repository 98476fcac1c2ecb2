"""The pages of agents: their state, what each fact is worth, tokens made and revoked."""

import datetime
import html
import re
from typing import Any

import pytest
from django.utils import timezone

from agent.protocol import Poll
from controlplane.fleet.models import Agent
from controlplane.fleet.services import note_goodbye, note_heartbeat, note_poll
from tenants.scoping import org_scope
from tenants.token_verification import verify_token
from tests.cast import Cast
from tests.factories import make_agent, make_location
from tests.runs.scripts import Stage

HOSTILE = '<script>alert("x")</script>'


def read(cast: Cast, path: str, **query: Any) -> str:
    answer = cast.signed_in().get(f"/{cast.org.slug}/prod/{path}", query)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def silent_for(cast: Cast, agent: Agent, minutes: int) -> None:
    """Nothing was heard of the agent for so long."""
    past = timezone.now() - datetime.timedelta(minutes=minutes)
    with org_scope(cast.org_id):
        Agent.objects.for_org(cast.org_id).filter(id=agent.id).update(registered_at=past, last_poll_at=past)


def test_without_agents_the_page_teaches(cast: Cast) -> None:
    text = read(cast, "agents")

    assert "No agent is connected yet" in text
    assert "pip install daggerboard-agent" in text


def test_states_come_with_their_cause(cast: Cast) -> None:
    make_agent(cast, "well")
    silent_for(cast, make_agent(cast, "gone"), minutes=12)
    note_goodbye(org_id=cast.org_id, agent_id=make_agent(cast, "off").id)

    text = read(cast, "agents")

    assert "Nothing was heard for 12 min; the last was a request for work." in text
    assert re.search(r"It said goodbye \d+ s ago\.", text)
    assert [text.count(f'data-status="{state}"') for state in ("connected", "lost", "stopped")] == [1, 1, 1]


def test_agent_that_hangs_is_a_warning(cast: Cast) -> None:
    agent = make_agent(cast)
    silent_for(cast, agent, minutes=5)
    with org_scope(cast.org_id):
        note_heartbeat(org_id=cast.org_id, agent_id=agent.id)

    text = read(cast, f"agents/{agent.id}")

    assert "It has not asked for work for 5 min, but a renewal of its leases came" in text
    assert 'data-status="warn"' in text


def test_agent_shows_what_it_holds_and_has_loaded(cast: Cast) -> None:
    agent = make_agent(cast, "worker-1")
    make_location(cast, "shop", agents=[agent])
    run = Stage(cast, agent).claimed().run

    text = read(cast, f"agents/{agent.id}")

    assert f"/runs/{run.id}" in text
    assert "code-locations/shop" in text
    assert "box" in text


def test_free_slots_are_those_of_the_last_poll(cast: Cast) -> None:
    agent = make_agent(cast)
    poll = Poll(agent_id=str(agent.id), boot_id=agent.boot_id, free_slots=7)
    with org_scope(cast.org_id):
        note_poll(org_id=cast.org_id, agent_id=agent.id, message=poll)

    assert "7 free slots at its last poll" in read(cast, f"agents/{agent.id}")


def test_list_is_fetched_again_without_its_frame(cast: Cast) -> None:
    make_agent(cast, "well")
    headers = {"HX-Request": "true", "HX-Target": "agent-list"}

    part = cast.signed_in().get(f"/{cast.org.slug}/prod/agents", headers=headers).content.decode()

    assert "well" in part
    assert "<html" not in part


def test_token_is_shown_once_with_the_command_that_uses_it(cast: Cast) -> None:
    answer = cast.signed_in().post(f"/{cast.org.slug}/prod/agents/tokens", {"name": "Night shift"})
    text = html.unescape(answer.content.decode())
    token = next(word for word in text.replace("<", " ").replace(">", " ").split() if word.startswith("dgb_agent_"))

    assert verify_token(token, address="127.0.0.1") is not None
    assert "daggerboard-agent run --url http://testserver --token-file Night-shift.token --name 'Night shift'" in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert token not in read(cast, "agents")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines"])
def test_token_needs_a_name_that_an_agent_can_have(cast: Cast, name: str) -> None:
    answer = cast.signed_in().post(f"/{cast.org.slug}/prod/agents/tokens", {"name": name})

    assert answer.status_code == 400
    assert "1 to 100 printable characters" in answer.content.decode()


def test_name_in_the_command_cannot_become_another_command(cast: Cast) -> None:
    answer = cast.signed_in().post(f"/{cast.org.slug}/prod/agents/tokens", {"name": "$(reboot); `x`"})

    assert "--token-file reboot----x.token --name '$(reboot); `x`'" in html.unescape(answer.content.decode())


def test_revoked_token_is_refused_and_leaves_the_list(cast: Cast) -> None:
    token = cast.agent_token.token
    assert str(token.id) in read(cast, "agents")

    cast.signed_in().post(f"/{cast.org.slug}/prod/agents/tokens/{token.id}/revoke")

    assert verify_token(cast.agent_token.text, address="127.0.0.1") is None
    assert str(token.id) not in read(cast, "agents")


def test_hostile_names_stay_text(cast: Cast) -> None:
    agent = make_agent(cast, HOSTILE, queues=[HOSTILE])

    for path in ("agents", f"agents/{agent.id}"):
        assert HOSTILE not in cast.signed_in().get(f"/{cast.org.slug}/prod/{path}").content.decode()


def test_another_organization_sees_no_agent_and_revokes_no_token(cast: Cast, outsider: Cast) -> None:
    agent = make_agent(cast)
    browser = outsider.signed_in()

    assert browser.get(f"/{outsider.org.slug}/prod/agents/{agent.id}").status_code == 404
    assert browser.get(f"/{cast.org.slug}/prod/agents").status_code == 404
    path = f"/{outsider.org.slug}/prod/agents/tokens/{cast.agent_token.token.id}/revoke"
    assert browser.post(path).status_code == 404
    assert verify_token(cast.agent_token.text, address="127.0.0.1") is not None
