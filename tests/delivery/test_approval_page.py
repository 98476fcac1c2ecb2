"""Approving a fork's commit on its page: the very commit that somebody was asked to look at."""

import re
from typing import Any

import pytest

from controlplane.delivery.models import DeliveryState, PullRequest
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.delivery.following import Followed, follow
from tests.delivery.hosts.host import FakeHost


@pytest.fixture
def waiting(cast: Cast, github: FakeHost) -> tuple[Followed, Any, str]:
    followed = follow(cast, github)
    stranger = followed.shop.fork("stranger")
    stranger.push("idea", {"shop/new.py": "x = 1\n"})
    pull = followed.shop.open_pull_request("idea", source=stranger, author="stranger")
    followed.settle()
    return followed, stranger, pull.head_sha


def page(followed: Followed, query: str = "") -> str:
    name = followed.branch().deployment.name
    answer = followed.cast.signed_in().get(f"/{followed.cast.org.slug}/{name}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def offered(text: str) -> list[str]:
    """The commits that a button of the page approves."""
    return re.findall(r'name="sha" value="([0-9a-f]+)"', text)


def test_link_of_the_comment_leads_to_the_button_for_its_commit(waiting: Any) -> None:
    followed, _, sha = waiting

    text = page(followed, f"?ask=approve&sha={sha}")

    assert offered(text) == [sha]
    assert f"/commit/{sha}" in text
    assert re.search(r'value="approve" autofocus', text)


def test_newer_commit_is_said_and_not_offered(waiting: Any) -> None:
    followed, stranger, looked_at = waiting
    head = stranger.push("idea", {"shop/worse.py": "steal()\n"})
    followed.settle()

    text = page(followed, f"?ask=approve&sha={looked_at}")

    assert offered(text) == []
    assert "is not the head any more" in text
    assert head[:12] in text


def test_without_the_link_the_head_is_looked_at_first(waiting: Any) -> None:
    followed, _, sha = waiting

    text = page(followed)

    assert offered(text) == []
    assert f"ask=approve&amp;sha={sha}" in text


def test_later_commit_of_a_branch_that_lives_can_be_approved(waiting: Any) -> None:
    followed, stranger, sha = waiting
    name = followed.branch().deployment.name
    browser = followed.cast.signed_in()
    browser.post(f"/{followed.cast.org.slug}/{name}/branch/act", {"do": "approve", "sha": sha})
    followed.settle()
    later = stranger.push("idea", {"shop/new.py": "x = 2\n"})
    followed.settle()

    assert offered(page(followed, f"?ask=approve&sha={later}")) == [later]


@pytest.mark.parametrize("ask", ["extend", "keep-awake", "rebuild"])
def test_links_of_the_comment_lead_to_their_button(waiting: Any, ask: str) -> None:
    followed, _, sha = waiting
    with org_scope(followed.org_id):
        PullRequest.objects.for_org(followed.org_id).update(
            delivery_state=DeliveryState.READY, approved_sha=sha, work_due_at=None
        )
        branch = followed.branch()
        type(branch).objects.for_org(followed.org_id).filter(deployment_id=branch.deployment_id).update(
            state="active", sleep_after_seconds=60
        )

    assert re.search(rf'value="{ask}" autofocus', page(followed, f"?ask={ask}"))
