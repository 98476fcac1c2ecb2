"""Pages of full deployments: made, copied, frozen, protected, promoted into, deleted; and the history of their code locations."""

import html
import re

import pytest

from controlplane.delivery.promotions import sweep as promotion_sweep
from controlplane.deployments.models import Deployment, Promotion
from controlplane.deployments.protection import parse
from controlplane.deployments.services import create_deployment
from controlplane.ui.protection_form import document_of, typed_of
from tenants.scoping import org_scope
from tests.environment.variables import set_variable
from tests.factories import asset, deploy, load, make_location, make_manifest


def read(cast, path, *, user=None, status=200):
    answer = cast.signed_in(user).get(f"/{cast.org.slug}/{path}")
    assert answer.status_code == status, answer.content[:400]
    return html.unescape(answer.content.decode())


def send(cast, path, body, *, user=None):
    """What the page that follows says."""
    answer = cast.signed_in(user).post(f"/{cast.org.slug}/{path}", body, follow=True)
    return answer, html.unescape(answer.content.decode())


@pytest.fixture
def shop(cast):
    """Three versions: the second defines more, the third failed."""
    make_location(cast, "shop", manifest=make_manifest([asset("raw")]), deployed={"image": "shop:1"})
    second = deploy(cast, "shop", image="shop:2", git_commit="4f2a9c1d77e0", git_url="https://github.com/acme/shop")
    load(cast, second, make_manifest([asset("raw", code_version="2"), asset("more")]))
    return cast


def test_history_tells_what_each_version_changed(shop):
    text = read(shop, "prod/code-locations/shop")

    assert "+2" in text
    assert "shop:2" in text
    assert "https://github.com/acme/shop/commit/4f2a9c1d77e0" in text
    version = read(shop, "prod/code-location/version?name=shop&number=2")
    assert "Changed since" in version
    assert "code version" in version
    assert ">more<" in version
    read(shop, "prod/code-location/version?name=shop&number=9", status=404)
    read(shop, "prod/code-location/version?name=shop&number=x", status=404)


def test_one_click_rolls_back(shop):
    _answer, text = send(shop, "prod/code-location/rollback", {"name": "shop", "number": "1"})

    assert "Version 3 brings back the code of version 1." in text
    assert "back to version 1" in text
    viewer = shop.signed_in(shop.viewer).post(
        f"/{shop.org.slug}/prod/code-location/rollback", {"name": "shop", "number": "1"}
    )
    assert viewer.status_code == 403


def test_a_code_location_is_added_with_a_form(cast):
    body = {"name": "docs", "way": "module_name", "what": "docs.definitions", "image": "docs:1", "queue": "etl"}
    _answer, text = send(cast, "prod/code-location/new", body)
    assert "docs is deployed" in text

    answer, text = send(cast, "prod/code-location/new", body)
    assert (answer.status_code, "There is a code location docs already." in text) == (409, True)
    assert 'value="docs.definitions"' in text


def test_frozen_is_said_on_every_page_and_beside_what_is_refused(shop):
    _answer, text = send(shop, "prod/settings/freeze", {"reason": "The books are closed"})
    assert "prod is frozen." in text

    assert "The books are closed" in read(shop, "prod/runs")
    answer, text = send(shop, "prod/code-location/rollback", {"name": "shop", "number": "1"})
    assert (answer.status_code, "Nothing changes in it until somebody thaws it" in text) == (409, True)
    _answer, text = send(shop, "prod/settings/thaw", {})
    assert "prod is thawed." in text
    assert "prod is frozen" not in read(shop, "prod/runs")


def test_rules_are_typed_and_shown_again(cast):
    body = {
        "limited": "on",
        "people": f"{cast.owner.email}\n{cast.editor.email}\n",
        "windows": "fri, sat 16:00-08:00 Europe/Berlin Weekend\n2026-12-20T18:00 until 2027-01-02T08:00 UTC",
        "rollback": "on",
    }
    _answer, text = send(cast, "prod/settings/protection", body)

    assert "The rules are saved." in text
    assert "fri,sat 16:00-08:00 Europe/Berlin Weekend" in text
    assert "Next freeze window" in text
    wrong, text = send(cast, "prod/settings/protection", body | {"windows": "on fridays"})
    assert (wrong.status_code, "'on fridays' is no freeze window" in text) == (400, True)
    wrong, text = send(cast, "prod/settings/protection", body | {"people": "nobody@example.com"})
    assert "there is no nobody@example.com in this organization" in text
    assert "nobody@example.com</textarea>" in text


def test_the_form_of_rules_loses_nothing():
    document = {
        "deployers": {"people": ["a@example.com"], "teams": ["data"], "service_accounts": ["ci"], "git": True},
        "freeze_windows": [
            {"days": ["fri"], "start": "16:00", "end": "08:00", "time_zone": "Europe/Berlin", "reason": "Weekend"},
            {"from": "2026-12-20T18:00", "until": "2027-01-02T08:00", "time_zone": "UTC"},
        ],
        "checks": {"loaded_in": "staging", "smoke_job": {"location": "shop", "job": "smoke"}, "rollback": "automatic"},
    }
    rules = parse(document)

    assert parse(document_of(typed_of(rules))).document() == rules.document() == document


def test_editors_describe_and_only_admins_decide(cast):
    _answer, text = send(cast, "prod/settings", {"description": "What pays the bills"}, user=cast.editor)
    assert 'value="What pays the bills"' in text
    assert "Freeze it" not in text
    assert "Delete the deployment" not in text
    read(cast, "prod/settings", user=cast.viewer, status=403)


def test_a_copy_is_made_and_nothing_is_lost_when_it_is_refused(shop):
    set_variable(shop, "TOKEN")
    body = {"name": "staging", "source": "prod", "part-code_locations": "on", "part-environment": "on"}
    answer, _text = send(shop, "new", body)

    assert answer.redirect_chain[-1][0] == f"/{shop.org.slug}/staging/"
    assert "TOKEN" in read(shop, "staging/environment")
    again, text = send(shop, "new", body)
    assert (again.status_code, "There is already a deployment called staging." in text) == (409, True)
    assert 'value="staging"' in text
    assert "staging" in read(shop, "settings/deployments")


def test_the_last_deployment_goes_and_the_pages_go_on(shop):
    wrong, text = send(shop, "prod/settings/delete", {"typed": "pro"})
    assert (wrong.status_code, "Type the deployment's name, prod, exactly." in text) == (400, True)

    answer, text = send(shop, "prod/settings/delete", {"typed": "prod"})

    assert answer.status_code == 200
    assert "has no deployment for you yet" in text
    assert "New deployment" in text
    assert "Being deleted" in read(shop, "settings/deployments")
    assert shop.signed_in().get("/", follow=True).status_code == 200
    for page in ("members", "tokens", "roles", "teams", "audit", "service-accounts"):
        read(shop, f"settings/{page}")
    with org_scope(shop.org_id):
        assert not Deployment.objects.for_org(shop.org_id).exists()
    answer, _text = send(shop, "new", {"name": "prod"})
    assert answer.status_code == 200


def compared(page):
    """What the form says was compared."""
    return re.findall(r'name="seen" value="([^"]+)"', page)


def test_a_promotion_is_compared_begun_watched_and_taken_back(shop):
    create_deployment(org_id=shop.org_id, name="staging", actor=shop.actor)
    make_location(shop.at("staging"), "shop", deployed={"image": "shop:3"})
    text = read(shop, "prod/promotions?from=staging")
    assert "shop:3" in text

    answer, text = send(shop, "prod/promotions", {"from": "staging", "location": ["shop"], "seen": compared(text)})
    assert answer.status_code == 200
    promotion_sweep.sweep()
    with org_scope(shop.org_id):
        row = Promotion.objects.for_org(shop.org_id).get()
    part = shop.signed_in().get(
        f"/{shop.org.slug}/prod/promotions/{row.id}",
        headers={"HX-Request": "true", "HX-Target": "promotion-state"},
    )
    text = part.content.decode()
    assert "Waiting for agents to load it" in text
    assert "<html" not in text
    _answer, text = send(shop, f"prod/promotions/{row.id}/rollback", {})
    assert "Rolling back" in text
    make_location(shop.at("staging"), "shop", deployed={"image": "shop:4"})
    seen = compared(read(shop, "prod/promotions?from=staging"))
    again, text = send(shop, "prod/promotions", {"from": "staging", "location": ["shop"], "seen": seen})
    assert (again.status_code, "is under way" in text) == (409, True)
