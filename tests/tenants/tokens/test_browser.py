"""The pages of tokens in a real browser: sound in every look, with any names; and a token's whole life by keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tenants.models import ApiToken, TokenKind
from tenants.reach import Reach
from tenants.scoping import org_scope
from tenants.service_accounts import create_service_account
from tenants.token_services import issue_token, rotate_token
from tests.cast import Cast, make_cast
from tests.factories import make_agent
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.server import serving
from tests.ui.soundness import LOOKS, unsound

pytestmark = pytest.mark.browser

HOSTILE = '<script>alert("x")</script>' + "a_very_long_name_" * 8


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def _full() -> tuple[Cast, list[str]]:
    """Tokens of every kind, with every limit, under names that somebody means badly."""
    cast = make_cast("tokens")
    make_agent(cast, "warehouse-1")
    reach = Reach(
        deployments=frozenset({cast.deployment.id}),
        all_branches=True,
        queues=frozenset({HOSTILE[:100]}),
        code_locations=frozenset({"etl"}),
        bootstrap_only=True,
    )
    account = create_service_account(org_id=cast.org_id, actor=cast.actor, name=HOSTILE[:100], description=HOSTILE)
    kinds: list[dict[str, Any]] = [
        {"kind": TokenKind.AGENT, "reach": reach, "allowed_networks": ["203.0.113.0/24"]},
        {"kind": TokenKind.USER, "user": cast.owner, "scopes": ["run:launch", "run:read", "deployment:read"]},
        {"kind": TokenKind.SERVICE, "service_account": account},
        {"kind": TokenKind.SCIM},
    ]
    made = [issue_token(org_id=cast.org_id, name=HOSTILE, actor=cast.actor, **fields) for fields in kinds]
    rotate_token(org_id=cast.org_id, token_id=made[1].token.id, actor=cast.actor)
    pages = ["tokens", "agent-tokens", "all-tokens", "service-accounts", f"service-accounts/{account.id}"]
    pages += [f"tokens/{issued.token.id}" for issued in made]
    return cast, [f"/{cast.org.slug}/settings/{page}" for page in pages]


def _empty() -> tuple[Cast, list[str]]:
    cast = make_cast("empty")
    pages = ("tokens", "agent-tokens", "all-tokens?q=nothing", "service-accounts")
    return cast, [f"/{cast.org.slug}/settings/{page}" for page in pages]


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> tuple[Cast, list[str]]:
    return beside(request.param)


@pytest.mark.parametrize("world", [_full, _empty], indirect=True)
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_sound(
    browser: Browser, address: str, world: tuple[Cast, list[str]], width: int, scheme: Any
) -> None:
    cast, paths = world
    view: Any = {"width": width, "height": 844}
    with browser.new_context(viewport=view, color_scheme=scheme, reduced_motion="reduce") as context:
        sign_in(context, address, cast)
        assert unsound(context, [address + path for path in paths], hostile=True) == {}


def reach(page: Page, selector: str) -> None:
    """Tab until the element has the focus."""
    ready(page)
    for _ in range(80):
        if page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {selector}")


def stored(cast: Cast) -> ApiToken:
    with org_scope(cast.org_id):
        return ApiToken.objects.for_org(cast.org_id).get(name="edge")


def test_agent_token_by_keyboard_from_its_making_to_its_end(browser: Browser, address: str) -> None:
    cast = beside(make_cast)
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        sign_in(context, address, cast)
        page = context.new_page()
        page.goto(f"{address}/{cast.org.slug}/settings/agent-tokens")
        reach(page, "#token-name")
        page.keyboard.type("edge")
        reach(page, ".token-part summary")
        page.keyboard.press("Enter")
        reach(page, "input[name=deployment]")
        page.keyboard.press("Space")
        reach(page, "#token-queues")
        page.keyboard.type("gpu")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=This is the only time the token is shown")
        made = beside(lambda: stored(cast))
        reach(page, "main a.button-main")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"a[href$='{made.id}']")
        reach(page, f"a[href$='{made.id}']")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Rotate it")
        reach(page, ".danger summary")
        page.keyboard.press("Enter")
        reach(page, ".danger form button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=edge is revoked")

    assert made.reach == {"deployments": [str(cast.deployment.id)], "queues": ["gpu"]}
    assert beside(lambda: stored(cast)).revoked_at is not None
