"""The agent of `make up` serves branches too, also in a home that was made before there were any; what somebody cut down stays so."""

from pathlib import Path

import pytest

from controlplane.cli.bootstrap import _ensure_token
from tenants.models import ApiToken, TokenKind
from tenants.reach import EVERYTHING, Reach
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.cast import Cast


def reach_of(cast: Cast, path: Path) -> Reach:
    with org_scope(cast.org_id):
        tokens = {token.id: token for token in ApiToken.objects.for_org(cast.org_id)}
        [found] = [token for token in tokens.values() if token.id.hex in path.read_text()]
        return Reach.parse(found.reach)


def ensure(cast: Cast, path: Path) -> None:
    _ensure_token(path, org_id=cast.org_id, kind=TokenKind.AGENT, reach=EVERYTHING)


def test_new_home_gets_a_token_that_serves_everything(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "agent.token"

    ensure(cast, path)
    text = path.read_text()
    ensure(cast, path)

    assert (reach_of(cast, path), path.read_text()) == (EVERYTHING, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, EVERYTHING), (Reach(queues=frozenset({"eu"})), Reach(queues=frozenset({"eu"})))],
)
def test_home_that_was_made_before(before: Reach | None, after: Reach, cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "agent.token"
    path.write_text(issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name="agent", reach=before).text)

    ensure(cast, path)

    assert reach_of(cast, path) == after
