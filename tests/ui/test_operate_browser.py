"""Agents, code locations, jobs and the launchpad as a browser shows them: no violation of axe, nothing too wide, no error, any names."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from controlplane.fleet import selectors as fleet
from controlplane.ui.links import Links
from tests.cast import Cast, make_cast
from tests.ui.chromium import beside, browsing, sign_in
from tests.ui.server import serving
from tests.ui.soundness import LOOKS, unsound
from tests.ui.works import LONG, Works, make_hostile_works, make_works

pytestmark = pytest.mark.browser

MARKUP = '<script>alert("x")</script><b>bold</b>'


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def paths_of(works: Works) -> list[str]:
    links = Links(org=works.cast.org.slug, deployment="prod")
    agents = [links.page("agent", agent_id=view.agent.id) for view in fleet.agents(works.cast.org_id)]
    launch = links.page("launchpad")
    return [
        links.page("agents"),
        *agents,
        links.page("locations"),
        links.location("works"),
        links.page("jobs"),
        links.job("works", "press"),
        f"{launch}?location=works&job=press",
        f"{launch}?asset=hourly_events&asset=raw",
    ]


def hostile_paths(works: Works) -> list[str]:
    links = Links(org=works.cast.org.slug, deployment="prod")
    launch = f"{links.page('launchpad')}?location={quote(MARKUP)}&job={LONG}"
    return [*paths_of(works)[:4], links.location(MARKUP), links.location(LONG[:200]), links.job(MARKUP, LONG), launch]


def empty_paths(cast: Cast) -> list[str]:
    links = Links(org=cast.org.slug, deployment="prod")
    return [links.page(name) for name in ("agents", "locations", "jobs")]


def _works() -> tuple[Cast, list[str]]:
    works = make_works()
    return works.cast, paths_of(works)


def _hostile() -> tuple[Cast, list[str]]:
    works = make_hostile_works()
    return works.cast, hostile_paths(works)


def _empty() -> tuple[Cast, list[str]]:
    cast = make_cast("empty")
    return cast, empty_paths(cast)


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> tuple[Cast, list[str]]:
    return beside(request.param)


@pytest.mark.parametrize("world", [_works, _hostile, _empty], indirect=True)
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_sound(
    browser: Browser, address: str, world: tuple[Cast, list[str]], width: int, scheme: str
) -> None:
    cast, paths = world
    with browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:  # type: ignore[arg-type]
        sign_in(context, address, cast)
        assert unsound(context, [address + path for path in paths], hostile="hostile" in cast.org.slug) == {}
