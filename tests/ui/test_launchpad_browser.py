"""The launchpad in a browser: form and text kept in step, problems at their fields, choosing by keyboard, and without scripts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from controlplane.deployments.visibility import all_of
from controlplane.runs import selectors as runs
from controlplane.runs.models import Run
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.server import serving
from tests.ui.works import Works, make_works

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def works() -> Works:
    return beside(make_works)


@pytest.fixture
def context(browser: Browser, address: str, works: Works) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        sign_in(context, address, works.cast)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield page
    # Chromium says of every answer with an error's status that it failed, a form shown again among them.
    assert not [text for text in said if "400 (Bad Request)" not in text]


def opened(page: Page, address: str, works: Works, query: str = "location=works&job=press") -> None:
    page.goto(f"{address}{works.path}/launchpad?{query}")
    ready(page)
    expect(page.locator(".config-verdict .status")).to_be_visible()


def config(page: Page) -> Any:
    return json.loads(page.locator("#config").input_value())


def field(page: Page, name: str) -> Any:
    return page.get_by_label(f"ops melt config {name}", exact=True)


def made(works: Works) -> Run:
    [found] = beside(lambda: runs.runs(all_of(works.cast.org_id, works.cast.deployment.id))).runs
    return beside(lambda: runs.run(all_of(works.cast.org_id, works.cast.deployment.id), found.id))


def test_every_kind_of_field_writes_the_config(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        field(page, "degrees").fill("1200")
        field(page, "metal").select_option("copper")
        field(page, "slow").select_option("true")
        field(page, "note").fill("as always")
        page.get_by_label("Give ops melt config secret as env").click()
        page.get_by_label("ops melt config secret env", exact=True).fill("API_KEY")

        found = config(page)["ops"]["melt"]["config"]

    assert found == {
        "degrees": 1200,
        "metal": "copper",
        "slow": True,
        "note": "as always",
        "secret": {"env": "API_KEY"},
    }


def test_lists_maps_choices_and_open_tables_write_the_config(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        for name in ("batches", "labels", "mould", "more", "anything"):
            page.locator(f"summary:has-text('{name}')").first.click()
        batches = page.locator("details:has(> summary:has-text('batches'))").last
        batches.get_by_role("button", name="Add an entry").click()
        page.get_by_label("ops melt config batches 0", exact=True).fill("3")
        labels = page.locator("details:has(> summary:has-text('labels'))").last
        labels.get_by_label("Name of the new entry").fill("colour")
        labels.get_by_label("Name of the new entry").press("Enter")
        page.get_by_label("ops melt config labels colour", exact=True).fill("red")
        field(page, "mould").select_option("sand")
        page.get_by_label("ops melt config mould sand grain", exact=True).fill("2")
        field(page, "anything").fill('{"a": [1]}')

        found = config(page)["ops"]["melt"]["config"]

    assert (found["batches"], found["labels"], found["mould"]) == ([3], {"colour": "red"}, {"sand": {"grain": 2}})
    assert found["anything"] == {"a": [1]}


def test_emptied_field_is_not_given_and_null_is(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        field(page, "note").fill("x")
        field(page, "note").fill("")
        assert "note" not in config(page)["ops"]["melt"]["config"]
        page.get_by_label("Set ops melt config note to null").click()

        assert config(page)["ops"]["melt"]["config"]["note"] is None


def test_wrong_type_is_said_at_once_at_its_field(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        field(page, "degrees").fill("hot")

        # The page itself says it while one types: it asks the server half a second later.
        assert field(page, "degrees").get_attribute("aria-invalid") == "true"
        expect(page.locator(".field-error")).to_have_text("This must be a whole number.")
        field(page, "degrees").fill("12")
        expect(page.locator(".field-error")).to_have_count(0)


def test_answer_of_dagster_stands_at_its_field_and_launches_nothing(page: Page, address: str, works: Works) -> None:
    problem = {
        "path": ["ops", "melt", "config"],
        "message": "Too hot.",
        "reason": "FIELD_NOT_DEFINED",
        "fields": ["degrees"],
    }
    with works.answering(lambda _args: {"valid": False, "errors": [problem]}):
        opened(page, address, works)
        expect(page.locator(".config-field:has(.field-error)")).to_contain_text("degrees")
        page.get_by_role("button", name="Launch a run").click()

        expect(page.get_by_role("alert")).to_contain_text("The config has 1 problem, says your own Dagster 1.13.27.")
        expect(page.locator(".field-error")).to_have_text("Too hot.")


def test_text_and_form_stay_in_step(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        page.get_by_role("button", name="JSON").click()
        page.locator("#config").fill("ops:\n  melt:\n    config:\n      degrees: 77\n")
        page.get_by_role("button", name="Form").click()

        expect(field(page, "degrees")).to_have_value("77")


def test_numbers_that_a_browser_would_change_stay_text(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works)
        page.get_by_role("button", name="JSON").click()
        page.locator("#config").fill('{"ops": {"melt": {"config": {"degrees": 12345678901234567890}}}}')
        page.get_by_role("button", name="Form").click()

        expect(page.locator(".config-verdict")).to_contain_text("larger than a form can hold")
        assert "12345678901234567890" in page.locator("#config").input_value()


def test_launch_by_keyboard_alone(page: Page, address: str, works: Works) -> None:
    with works.answering():
        opened(page, address, works, "asset=hourly_events")
        page.locator("#partition").focus()
        page.keyboard.press("Control+a")
        page.keyboard.type("2021-03-04-0")
        expect(page.locator(".pick-row").first).to_have_text("2021-03-04-09:00")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#partition")).to_have_value("2021-03-04-08:00")
        page.keyboard.press("Enter")
        assert "/launchpad" in page.url
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/runs/*", timeout=60_000)

    assert made(works).partition_key == "2021-03-04-08:00"


def test_chosen_ops_are_what_runs(page: Page, address: str, works: Works) -> None:
    with works.answering() as asked:
        opened(page, address, works)
        page.locator("#add-op").fill("ben")
        expect(page.locator(".pick-row")).to_have_count(1)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Launch a run").click()
        page.wait_for_url("**/runs/*", timeout=60_000)

    assert made(works).op_selection == ["shape.bend"]
    assert ["shape.bend"] in [question["op_selection"] for question in asked]


def test_without_scripts_it_launches_too(browser: Browser, address: str, works: Works) -> None:
    with works.answering(), browser.new_context(java_script_enabled=False) as context:
        sign_in(context, address, works.cast)
        page = context.new_page()
        page.goto(f"{address}{works.path}/launchpad?asset=by_region")
        page.fill("#partition", "eu")
        page.fill("#config", "{}")
        page.fill("[name=tag_name] >> nth=0", "why")
        page.fill("[name=tag_value] >> nth=0", "by hand")
        page.click("text=Materialize >> nth=-1")
        page.wait_for_url("**/runs/*", timeout=60_000)

    run = made(works)
    assert (run.partition_key, run.tags["why"]) == ("eu", "by hand")
