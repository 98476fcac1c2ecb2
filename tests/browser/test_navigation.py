"""Finding things: filters, palette, keys, lineage."""

import re

from playwright.sync_api import expect

from tests.ui.chromium import beside, press_together, ready
from tests.ui.world import make_many, make_shop


def test_assets_are_searched_and_filtered_in_the_address(visit):
    stage = beside(make_shop)
    page = visit(stage.cast).go("assets")

    page.get_by_label("Search keys").fill("orders")
    expect(page.locator("#asset-list tbody tr")).to_have_count(2)
    page.get_by_label("Group").select_option("raw")
    expect(page.locator("#asset-list tbody tr")).to_have_count(1)

    expect(page).to_have_url(re.compile(r"q=orders&group=raw$"))
    page.reload()
    expect(page.locator("#asset-list tbody tr")).to_have_count(1)


def test_list_is_walked_by_keyboard(visit):
    stage = beside(make_shop)
    page = visit(stage.cast).go("assets")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/assets/customer_value$"))
    press_together(ready(page), "g", "r")
    expect(page).to_have_url(re.compile(r"/runs$"))


def test_palette_finds_assets_and_runs(visit):
    stage = beside(make_shop)
    page = visit(stage.cast).go()
    run_id = page.locator("#overview .row-link").first.get_attribute("title")

    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find").fill("customer_v")
    expect(page.get_by_role("option", name="customer_value")).to_be_visible()
    page.get_by_role("combobox", name="Find").fill(run_id[:18])
    expect(page.get_by_role("option").filter(has_text=run_id[-8:])).to_be_visible()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/runs/{run_id}$"))


def test_key_help_lists_the_keys(visit):
    page = visit(beside(make_shop).cast).go()

    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to Lineage")


def test_lineage_is_walked_and_searched(visit):
    page = visit(beside(make_shop).cast).go("lineage")
    expect(page.locator("asset-lineage[data-ready='6']")).to_be_attached()

    page.get_by_label("Search assets").fill("raw/customers")
    page.get_by_role("option", name="raw/customers").click()
    expect(page.get_by_role("complementary", name="Chosen asset")).to_contain_text("Downstream 1")
    page.locator(".lineage-canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"asset=customer_value$"))
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/assets/customer_value$"))


def test_lineage_of_5000_assets_is_interactive(visit):
    """How soon, `make bench` says."""
    stage = beside(make_many)
    page = visit(stage.cast).go("lineage")
    page.locator("asset-lineage[data-ready='4991']").wait_for(state="attached", timeout=120_000)
    page.get_by_label("Search assets").fill("layer_30/table_100")

    expect(page.locator(".lineage-count")).to_have_text("1 of 4,991 assets")


def test_pages_work_without_scripts(browser, address):
    from tests.ui.chromium import sign_in

    stage = beside(make_shop)
    context = browser.new_context(java_script_enabled=False)
    sign_in(context, address, stage.cast)
    page = context.new_page()

    page.goto(f"{address}/{stage.cast.org.slug}/prod/runs?status=SUCCESS")
    page.locator(".row-link").first.click()
    expect(page.locator("step-gantt tbody tr")).to_have_count(3)
    expect(page.locator("event-log tbody tr")).to_have_count(16)
    page.get_by_role("link", name="stdout and stderr").click()

    expect(page.locator("pre.log-plain")).to_contain_text("done")
    context.close()


def test_theme_is_remembered_before_scripts_run(visit):
    page = visit(beside(make_shop).cast).go()

    page.get_by_text("Signed in").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    assert 'data-theme="dark"' in page.request.get(page.url).text()
