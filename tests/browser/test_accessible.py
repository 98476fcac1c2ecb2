"""Every page passes axe, wide and narrow, light and dark; none is wider than its screen; hostile names stay text."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.browser.conftest import Visit
from tests.ui.chromium import beside
from tests.ui.known import runs_by_status
from tests.ui.soundness import problems
from tests.ui.world import HOSTILE, LONG, make_empty, make_hostile, make_shop

_SCREENS = [(1280, 900, "light"), (390, 844, "dark")]


def _paths(runs: dict[str, object]) -> Iterator[str]:
    yield from ("", "assets", "lineage", "jobs", "jobs/shop/nightly", "launchpad?location=shop&job=nightly", "runs")
    yield from (
        "code-locations",
        "code-locations/shop",
        "agents",
        "assets/customer_value",
        "assets/daily_orders?tab=partitions",
    )
    yield from (f"assets/customer_value?tab={tab}" for tab in ("history", "plots", "checks"))
    yield from (f"runs/{run_id}" for run_id in runs.values())
    yield from (f"runs/{runs['SUCCESS']}/logs", f"runs/{runs['SUCCESS']}/config")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("width", "height", "scheme"), _SCREENS)
def test_axe_finds_nothing_on_any_page(visit, width, height, scheme):
    stage = beside(make_shop)
    here = visit(stage.cast)
    here.page.set_viewport_size({"width": width, "height": height})
    here.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    found = {path: problems(here.go(path)) for path in _paths(beside(lambda: runs_by_status(stage)))}

    assert {path: said for path, said in found.items() if said} == {}


def test_axe_finds_nothing_in_empty_states_and_outside(visit):
    here = visit(beside(make_empty))

    found = {
        path: problems(here.go(path))
        for path in ("", "assets", "lineage", "jobs", "runs", "code-locations", "agents", "runs/none")
    }
    here.page.context.clear_cookies()
    found["sign-in"] = problems(here.go())

    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_neither_run_nor_break_the_layout(visit, width):
    stage = beside(make_hostile)
    here = visit(stage.cast)
    here.page.set_viewport_size({"width": width, "height": 900})
    here.page.on("dialog", lambda dialog: here.complaints.append(f"a script ran: {dialog.message}"))
    run_id = next(iter(beside(lambda: runs_by_status(stage)).values()))
    run = [f"runs/{run_id}", f"runs/{run_id}/logs", f"runs/{run_id}/config"]
    assets = [f"assets/{quote(HOSTILE)}", f"assets/{LONG}", "asset?key=.."]

    wide = {
        path: _overflow(here, path)
        for path in ["", "assets", "runs", "lineage", "agents", "code-locations", *run, *assets]
    }

    assert {path: pixels for path, pixels in wide.items() if pixels > 0} == {}
    assert here.page.locator("main img, main script:not([type='application/json'])").count() == 0


def _overflow(here: Visit, path: str) -> int:
    page = here.go(path)
    page.wait_for_timeout(200)
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
