"""Which agent gets which source archive: one that serves a version made of it, and no other (promises S1, S5)."""

import gzip
import hashlib
import os
import uuid
from typing import Any

import httpx
import pytest
from django.conf import settings

from agent import protocol as wire
from controlplane.deployments import source_archives
from controlplane.deployments.models import LocationVersion
from tenants.models import TokenKind
from tenants.reach import Reach
from tenants.token_services import issue_token
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import stored_version
from tests.dispatch.wire_agent import HEADERS, WireAgent

ARCHIVE = gzip.compress(b"shop", mtime=0)


def uploaded(cast: Cast, content: bytes = ARCHIVE) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    source_archives.store_archive(org_id=cast.org_id, sha256=sha256, content=content)
    return sha256


@pytest.fixture
def version(cast: Cast) -> LocationVersion:
    """`shop`, made of ARCHIVE."""
    return factories.deploy(cast, source_sha256=uploaded(cast))


def agent_of(server: str, cast: Cast, *, reach: Reach | None = None, protocol: str = "", **fields: Any) -> WireAgent:
    """A registered agent that goes on with its credential, as agents do."""
    issued = issue_token(
        org_id=cast.org_id, kind=TokenKind.AGENT, name=f"one-{uuid.uuid4().hex[:6]}", reach=reach or Reach()
    )
    agent = WireAgent(server, issued.text)
    if protocol:
        agent.http.headers["Daggerboard-Protocol"] = protocol
    registered = agent.register(f"one-{uuid.uuid4().hex[:6]}", **fields)
    agent.http.headers["Authorization"] = f"Bearer {registered.credential}"
    return agent


def fetched(agent: WireAgent, sha256: str) -> httpx.Response:
    return agent.http.get(f"sources/{sha256}")


def test_agent_that_serves_it_gets_the_bytes(cast: Cast, server: str, version: LocationVersion) -> None:
    agent = agent_of(server, cast)
    desired = agent.poll().desired

    assert desired is not None
    [location] = desired.locations
    assert location.source == wire.Source(sha256=version.source_sha256, bytes=len(ARCHIVE))
    answer = fetched(agent, version.source_sha256)
    assert (answer.status_code, answer.content) == (200, ARCHIVE)


def test_other_agents_find_nothing(cast: Cast, outsider: Cast, server: str, version: LocationVersion) -> None:
    others = [
        agent_of(server, outsider),
        agent_of(server, cast, queues=["gpu"]),
        agent_of(server, cast, reach=Reach(code_locations=frozenset({"else"}))),
    ]

    assert [fetched(other, version.source_sha256).status_code for other in others] == [404, 404, 404]


def test_archive_that_no_version_is_made_of_is_nobodys(cast: Cast, server: str, version: LocationVersion) -> None:
    agent = agent_of(server, cast)

    assert fetched(agent, uploaded(cast, gzip.compress(b"another"))).status_code == 404
    assert fetched(agent, "nonsense").status_code == 404


def test_archive_of_another_organization_with_the_same_bytes_is_its_own(
    cast: Cast, outsider: Cast, server: str, version: LocationVersion
) -> None:
    """Knowing the hash opens nothing: only an organization that has uploaded the bytes has them."""
    agent = agent_of(server, outsider)

    assert fetched(agent, version.source_sha256).status_code == 404
    assert source_archives.missing(outsider.org_id, [version.source_sha256]) == [version.source_sha256]


def test_token_and_run_token_are_not_enough(cast: Cast, server: str, version: LocationVersion) -> None:
    """The token does not say which agent asks, and so which queues it serves."""
    for text in (cast.agent_token.text, cast.user_token.text, "dgb_run_W10~forged"):
        headers = {**HEADERS, "Authorization": f"Bearer {text}"}
        url = f"{server}/agent/v1/sources/{version.source_sha256}"
        assert httpx.get(url, headers=headers, trust_env=False).status_code in {401, 403}


@pytest.mark.parametrize("made_of", ["archive", "image"])
def test_agent_of_an_earlier_release_is_not_given_it(cast: Cast, server: str, made_of: str) -> None:
    """It would load whatever lies in its own working directory under that name."""
    old = factories.deploy(cast)
    code = {"source_sha256": uploaded(cast)} if made_of == "archive" else {"image": "shop:1"}
    factories.deploy(cast, name="other", **code)
    agent = agent_of(server, cast, protocol="1.1")
    desired = agent.poll().desired

    assert desired is not None
    assert [location.version_id for location in desired.locations] == [str(old.id)]


def test_phases_are_kept_as_they_end(cast: Cast, server: str, version: LocationVersion) -> None:
    agent = agent_of(server, cast)

    def report(**phases: float) -> dict[str, float]:
        found = {wire.DeployPhase(name): seconds for name, seconds in phases.items()}
        message = wire.LocationReport(
            agent_id=agent.id, version_id=str(version.id), state=wire.LocationState.LOADING, phases=found
        )
        agent.send("locations", message, Any)
        stored: dict[str, float] = stored_version(cast, version).phases
        return stored

    first = report()
    assert list(first) == ["queued"]
    assert 0 <= first["queued"] < 60
    assert report(pulled=1.5) == {**first, "pulled": 1.5}
    assert report(pulled=1.5, built=20.0) == {**first, "pulled": 1.5, "built": 20.0}


def test_load_after_a_restart_does_not_change_how_long_the_deploy_took(
    cast: Cast, server: str, version: LocationVersion
) -> None:
    agent = agent_of(server, cast)
    agent.load(str(version.id), cast)
    before = stored_version(cast, version).phases
    again = wire.LocationReport(
        agent_id=agent.id,
        version_id=str(version.id),
        state=wire.LocationState.LOADING,
        phases={wire.DeployPhase.PULLED: 9.0},
    )
    agent.send("locations", again, Any)

    assert stored_version(cast, version).phases == before


@pytest.mark.parametrize("declared", [True, False])
def test_endless_upload_is_cut_off_before_it_is_written_anywhere(cast: Cast, server: str, declared: bool) -> None:
    size, chunk = settings.MAX_SOURCE_BYTES + 1024**2, bytes(1024**2)
    url = f"{server}/api/v1/organizations/{cast.org.slug}/source-archives/{'0' * 64}/"
    headers = {"Authorization": f"Bearer {cast.user_token.text}", "Content-Type": "application/gzip"}
    headers |= {"Content-Length": str(size)} if declared else {}
    body = (chunk for _ in range(size // len(chunk)))
    answer = httpx.put(url, content=body, headers=headers, trust_env=False, timeout=60)

    assert answer.status_code == 413
    assert ".gitignore" in answer.json()["errors"][0]["detail"]


def test_upload_through_the_real_server_is_kept(cast: Cast, server: str) -> None:
    content = gzip.compress(os.urandom(5 * 1024**2))
    sha256 = hashlib.sha256(content).hexdigest()
    url = f"{server}/api/v1/organizations/{cast.org.slug}/source-archives/{sha256}/"
    headers = {"Authorization": f"Bearer {cast.user_token.text}", "Content-Type": "application/gzip"}

    assert httpx.put(url, content=content, headers=headers, trust_env=False).status_code == 204
    assert source_archives.content(cast.org_id, sha256) == content
