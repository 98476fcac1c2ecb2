"""The pages of code locations: how far a version is, why it failed, reload and delete."""

import html
from typing import Any

import pytest

from agent.protocol import DeployPhase, ErrorInfo, LocationReport, LocationState
from controlplane.deployments import selectors as deployments
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import LocationVersion
from controlplane.ui.git_links import commit_page, repository_page
from controlplane.ui.links import Links
from tests.cast import Cast
from tests.factories import deploy, make_agent, make_location

HOSTILE = '<img src=x onerror="alert(1)">'


def read(cast: Cast, path: str) -> str:
    answer = cast.signed_in().get(path if path.startswith("/") else f"/{cast.org.slug}/prod/{path}")
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def post(cast: Cast, path: str, **fields: str) -> Any:
    return cast.signed_in().post(f"/{cast.org.slug}/prod/{path}", fields)


def fail(cast: Cast, version: LocationVersion, message: str = "ImportError: No module named 'pandsa'\n") -> None:
    cause = ErrorInfo(message="KeyError: 'HOME'\n", stack=['  File "settings.py", line 3, in <module>\n'])
    error = ErrorInfo(
        message=message, stack=['  File "defs.py", line 1, in <module>\n', "    import pandsa\n"], cause=cause
    )
    report = LocationReport(
        agent_id="", version_id=str(version.id), state=LocationState.FAILED, error=error, load_seconds=1.5
    )
    record_load(org_id=cast.org_id, version_id=version.id, report=report, loaded_elsewhere=False)


def test_without_locations_the_page_teaches_the_command(cast: Cast) -> None:
    text = read(cast, "code-locations")

    assert "daggerboard deploy my-project" in text
    assert f"DAGGERBOARD_ORGANIZATION={cast.org.slug}" in text
    assert "No agent is connected yet" in text


def test_list_shows_what_serves(cast: Cast) -> None:
    make_location(cast, "shop", deployed={"git_commit": "4f2a9c1d77e0"})

    text = read(cast, "code-locations")

    assert "version 1 serves" in text
    assert all(word in text for word in ("1.13.27", "3.11.9", "warm", "4f2a9c1", "500 ms"))


def test_waiting_version_says_for_whom(cast: Cast) -> None:
    deploy(cast, "shop", queue="gpu")

    waits = (
        "Version 1 waits for an agent. No agent serves shop in prod: there is none yet. Start one with the queue gpu."
    )
    assert f"{waits} Nothing serves yet." in read(cast, "code-locations")


def test_page_says_of_every_agent_whether_it_serves_the_location_and_why_not(cast: Cast) -> None:
    make_agent(cast, "gpu-1", queues=["gpu"])
    deploy(cast, "shop")

    text = read(cast, "code-locations/shop")

    assert "No agent serves shop in prod. The nearest is gpu-1: it does not serve the queue default, only gpu." in text
    assert "Who serves it" in text


def test_failed_version_shows_the_users_traceback_and_the_old_one_serves(cast: Cast) -> None:
    make_location(cast, "shop", agents=[make_agent(cast)])
    fail(cast, deploy(cast, "shop"))

    text = read(cast, "code-locations/shop")

    assert "Version 2 failed to load. The last good one, version 1, goes on serving." in text
    assert "ImportError: No module named 'pandsa'" in text
    before, _, after = text.partition("The above exception was the direct cause of the following exception:")
    assert "KeyError: 'HOME'" in before
    assert 'File "defs.py", line 1' in after


def test_version_that_a_newer_one_overtook_is_not_said_to_wait(cast: Cast) -> None:
    deploy(cast, "shop")
    make_location(cast, "shop")

    text = read(cast, "code-locations/shop")

    assert "Replaced" in text
    assert 'data-status="pending"' not in text


def test_reload_deploys_the_same_code_once_more(cast: Cast) -> None:
    location = make_location(cast, "shop", deployed={"git_commit": "4f2a9c1d77e0"})

    answer = post(cast, "code-location/reload", name="shop")

    versions = deployments.code_locations(cast.org_id, cast.deployment.id)[0]
    assert answer.headers["Location"] == f"/{cast.org.slug}/prod/code-locations/shop"
    assert versions.desired is not None
    assert location.current is not None
    assert (versions.desired.number, versions.desired.git_commit) == (2, "4f2a9c1d77e0")


def test_delete_needs_the_name_typed(cast: Cast) -> None:
    make_location(cast, "shop")

    answer = post(cast, "code-location/delete", name="shop", typed="shpo")

    assert answer.status_code == 400
    assert "type the name of the code location, shop" in answer.content.decode()
    assert deployments.code_locations(cast.org_id, cast.deployment.id)


def test_delete_takes_the_location_away(cast: Cast) -> None:
    make_location(cast, "shop")

    answer = post(cast, "code-location/delete", name="shop", typed="shop ")

    assert answer.headers["Location"] == f"/{cast.org.slug}/prod/code-locations"
    assert not deployments.code_locations(cast.org_id, cast.deployment.id)


@pytest.mark.parametrize(
    "name", ["a/b", "/lead", "trail/", "a//b", "50% off?#x", "ключ", "a b+c&d=e", "code-location", HOSTILE]
)
def test_every_name_has_a_page_of_its_own(cast: Cast, name: str) -> None:
    make_location(cast, name)

    address = Links(org=cast.org.slug, deployment="prod").location(name)

    assert f"<h1>{html.escape(name)}</h1>" in cast.signed_in().get(address).content.decode()
    assert (
        address.replace("&", "&amp;") in cast.signed_in().get(f"/{cast.org.slug}/prod/code-locations").content.decode()
    )


def test_hostile_texts_stay_text(cast: Cast) -> None:
    make_location(cast, "shop")
    fail(cast, deploy(cast, "shop", git_url=f"https://example.com/{HOSTILE}", git_commit=HOSTILE[:20]), message=HOSTILE)

    assert HOSTILE not in cast.signed_in().get(f"/{cast.org.slug}/prod/code-locations/shop").content.decode()


def test_older_versions_are_on_the_next_page(cast: Cast) -> None:
    for _ in range(22):
        deploy(cast, "shop")

    first = read(cast, "code-locations/shop")
    cursor = first.split("?cursor=")[1].split('"')[0]

    assert "Older versions" in first
    assert "Older versions" not in read(cast, f"code-locations/shop?cursor={cursor}")


def test_another_organization_neither_sees_nor_deletes(cast: Cast, outsider: Cast) -> None:
    make_location(cast, "shop")
    browser = outsider.signed_in()

    for path, fields in (
        ("code-location/delete", {"name": "shop", "typed": "shop"}),
        ("code-location/reload", {"name": "shop"}),
    ):
        assert browser.post(f"/{cast.org.slug}/prod/{path}", fields).status_code == 404
        assert browser.post(f"/{outsider.org.slug}/prod/{path}", fields).status_code == 404
    assert browser.get(f"/{outsider.org.slug}/prod/code-locations/shop").status_code == 404


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("https://user:secret@gitlab.example.com:8443/acme/shop.git", "https://gitlab.example.com:8443/acme/shop"),
        ("ssh://git@git.example.com:2222/acme/shop.git", "https://git.example.com/acme/shop"),
        ("javascript:alert(1)", ""),
        ("/srv/git/shop.git", ""),
        ("file:///srv/git/shop.git", ""),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_repository_page_shows_no_credentials(remote: str, page: str) -> None:
    assert repository_page(remote) == page


def test_commit_page_is_where_the_host_has_it() -> None:
    assert commit_page("git@gitlab.com:a/b.git", "4f2a9c1d") == "https://gitlab.com/a/b/-/commit/4f2a9c1d"
    assert commit_page("https://github.com/a/b", "4f2a9c1d") == "https://github.com/a/b/commit/4f2a9c1d"
    assert commit_page("https://github.com/a/b", "main; rm -rf") == ""


def test_deploy_is_told_phase_by_phase(cast: Cast) -> None:
    version = deploy(cast, "shop")
    make_agent(cast)

    def report(**phases: float) -> str:
        found = {DeployPhase(name): seconds for name, seconds in phases.items()}
        message = LocationReport(agent_id="", version_id=str(version.id), state=LocationState.LOADING, phases=found)
        record_load(org_id=cast.org_id, version_id=version.id, report=message, loaded_elsewhere=False)
        return read(cast, "code-locations/shop")

    assert "An agent is loading version 1." in report()
    assert "loading version 1: its code is fetched." in report(pulled=1.5)
    text = report(pulled=1.5, built=61.0)
    assert "loading version 1: its code is fetched, its virtualenv is made." in text
    assert "Virtualenv <b>1 min 1 s" in text


def test_version_that_its_agents_are_too_old_for_says_so(cast: Cast) -> None:
    make_agent(cast, protocol_version="1.1")
    deploy(cast, "shop", image="shop:1")

    assert "agent-1: agent 0.1.0 cannot load source archives; upgrade it." in read(cast, "code-locations/shop")
