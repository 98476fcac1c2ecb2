"""Pages of what is unwell: what is out of sync, what a blocking check stopped, checks of partitions; sound in a browser."""

import pytest

from controlplane.runs.models import Run
from tenants.scoping import org_scope
from tests.runs.scripts import Stage
from tests.ui.chromium import beside, browsing, sign_in
from tests.ui.health_world import make_health, paths
from tests.ui.server import serving
from tests.ui.soundness import LOOKS, unsound


@pytest.fixture(scope="module")
def stage() -> Stage:
    return make_health()


def opened(stage: Stage, path: str) -> str:
    answer = stage.cast.signed_in().get(f"/{stage.cast.org.slug}/prod/{path}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_lists_and_lineage_say_what_is_out_of_sync(stage: Stage) -> None:
    listed = opened(stage, "assets?sync=STALE")
    assert "/assets/revenue" in listed
    assert "/assets/orders" not in listed
    assert "sync=STALE&of=these&what=all" in listed.replace("&amp;", "&")
    browser = stage.cast.signed_in()
    said = browser.get(f"/{stage.cast.org.slug}/prod/lineage/statuses").json()
    assert said["revenue"][2:] == ["DEGRADED", "Degraded", "unsynced", "Out of sync"]
    assert said["orders"][2:] == ["", "", "", ""]
    assert "has a new dependency data version" in opened(stage, "assets/revenue")
    partitions = opened(stage, "assets/towns?tab=partitions")
    assert partitions.count("has a new code version") == 1
    assert "Out of sync" in partitions


def test_a_blocking_check_is_named_as_the_cause(stage: Stage) -> None:
    run = opened(stage, paths(stage)["run"])
    assert "is_positive" in run
    assert "so 1 step downstream did not run: <code>report</code>" in run
    assert "keeps what is downstream from being made" in opened(stage, "assets/report")
    assert "keeps what is downstream from being made" not in opened(stage, "assets/orders")


def test_a_check_has_its_history_and_is_run_for_a_partition(stage: Stage) -> None:
    assert opened(stage, paths(stage)["check"]).count("<metadata-chart") == 2
    browser, address = stage.cast.signed_in(), f"/{stage.cast.org.slug}/prod/checks/run"
    refused = browser.post(address, {"checks": "cities:is_known"})
    assert (refused.status_code, "say which one" in refused.content.decode()) == (400, True)
    chosen = ["cities:is_known", "revenue:is_positive"]
    assert browser.post(address, {"checks": chosen, "partition": "berlin"}).status_code == 302
    with org_scope(stage.org_id):
        waiting = list(Run.objects.for_org(stage.org_id).filter(status="QUEUED"))
    assert sorted((run.partition_key or "") for run in waiting) == ["", "berlin"]


def _health() -> tuple[Stage, dict[str, str]]:
    stage = make_health()
    return stage, paths(stage)


@pytest.mark.browser
def test_pages_are_sound() -> None:
    stage, found = beside(_health)
    chosen = [path for name, path in found.items() if name in {"partitions", "checks", "check", "run"}]
    with serving() as address, browsing() as browser:
        for width, scheme in LOOKS:
            size = {"width": width, "height": 844}
            with browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:  # type: ignore[arg-type]
                sign_in(context, address, stage.cast)
                assert unsound(context, [f"{address}/{stage.cast.org.slug}/prod/{path}" for path in chosen]) == {}
