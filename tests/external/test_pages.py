"""Reporting and wiping on pages: forms that keep what was typed, and say what became of it."""

import pytest

from controlplane.runs.models import Run
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.external.test_reports import histories
from tests.factories import asset, make_location, make_manifest


@pytest.fixture
def shop(cast: Cast) -> Cast:
    make_location(cast)
    return cast


def page(cast: Cast, name: str, user=None, **given):
    browser, address = cast.signed_in(user), f"/{cast.org.slug}/prod/{name}"
    return browser.post(address, given, follow=True) if given.pop("post", True) else browser.get(address, given)


def test_an_event_is_reported_and_shows_with_its_reporter(shop: Cast) -> None:
    form = page(shop, "asset/report", post=False, key="raw").content.decode()
    assert "Report an event" in form
    assert 'name="key" value="raw"' in form

    refused = page(shop, "asset/report", key="raw", kind="materialization", metadata="{", description="Loaded by hand")
    assert refused.status_code == 400
    assert "not JSON" in refused.content.decode()
    assert "Loaded by hand" in refused.content.decode()

    done = page(shop, "asset/report", shop.editor, key="raw", kind="materialization", metadata='{"rows": 3}')
    text = done.content.decode()
    assert "The materialization was recorded." in text
    assert f"reported by {shop.editor.email}" in text
    assert histories(shop, "raw")[0]["metadata"]["rows"]["value"] == 3
    assert "as reported from outside of runs" in page(shop, "assets/raw", post=False).content.decode()

    checked = page(
        shop, "asset/report", key="daily", kind="check", check_name="not_empty", passed="no", severity="WARN"
    )
    assert "The check result was recorded." in checked.content.decode()


def test_a_wipe_needs_the_typed_key_and_shows_in_the_history(shop: Cast) -> None:
    page(shop, "asset/report", key="raw", kind="materialization")
    assert page(shop, "asset/wipe", key="raw", what="all", typed="row").status_code == 400

    text = page(shop, "asset/wipe", key="raw", what="all", typed="raw").content.decode()

    assert "raw is being wiped." in text
    assert f"Everything wiped by {shop.owner.email}" in text


def test_viewers_are_offered_neither(shop: Cast) -> None:
    assert page(shop, "asset/report", shop.viewer, key="raw", kind="materialization").status_code == 403
    assert page(shop, "asset/wipe", shop.viewer, key="raw", what="all", typed="raw").status_code == 403
    text = page(shop, "assets/raw", shop.viewer, post=False).content.decode()
    assert "Report an event" not in text
    assert "Wipe…" not in text


def test_an_observable_source_is_observed_from_its_page(cast: Cast) -> None:
    manifest = make_manifest([asset("raw"), asset("seen", execution_type="observation")])
    make_location(cast, manifest=manifest)
    form = {"location": "shop", "assets": "seen"}

    assert "Observe…" in page(cast, "assets/seen", post=False).content.decode()
    assert '<h1>Observe <span class="mono">seen' in page(cast, "launchpad", post=False, **form).content.decode()
    assert (
        "<h1>Materialize <span" in page(cast, "launchpad", post=False, location="shop", assets="raw").content.decode()
    )
    assert page(cast, "launchpad", **form).status_code == 200
    with org_scope(cast.org_id):
        [run] = Run.objects.for_org(cast.org_id)
    assert (run.asset_selection, run.target_assets) == (["seen"], [])
