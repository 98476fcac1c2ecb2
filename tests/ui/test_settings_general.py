"""The page of an organization's general settings, and the page of its provisioning."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenants import organizations
from tenants.access import SYSTEM
from tenants.models import Organization, OrganizationState
from tests.tenants.test_organizations import PNG


def page(cast, rest=""):
    return f"/{cast.org.slug}/settings/{rest}"


def text(answer):
    return answer.content.decode()


def row(cast):
    return Organization.objects.get(id=cast.org_id)


def test_admin_changes_name_and_address(cast):
    browser = cast.signed_in()

    answer = browser.post(page(cast), {"name": "Other", "slug": f"{cast.org.slug}-x"}, follow=True)

    assert answer.redirect_chain == [(f"/{cast.org.slug}-x/settings/", 302)]
    assert "links to" in text(answer)
    assert row(cast).name == "Other"


def test_refused_form_changes_nothing_and_shows_what_was_typed(cast, outsider):
    answer = cast.signed_in().post(page(cast), {"name": "Other", "slug": outsider.org.slug})

    assert answer.status_code == 409
    assert "There is already an organization" in text(answer)
    assert 'value="Other"' in text(answer)
    assert row(cast).name == cast.org.name


def test_viewer_sees_facts_and_no_forms(cast):
    browser = cast.signed_in(cast.viewer)

    shown = text(browser.get(page(cast)))

    assert cast.org.name in shown
    assert "Danger zone" not in shown
    assert "Download the export" not in shown
    for rest in ("", "sessions", "networks", "logo", "state", "delete", "undo-deletion"):
        assert browser.post(page(cast, rest)).status_code == 403


def test_networks_that_shut_oneself_out_need_a_tick(cast):
    browser = cast.signed_in()

    refused = browser.post(page(cast, "networks"), {"networks": "10.0.0.0/8\n203.0.113.7"})
    saved = browser.post(page(cast, "networks"), {"networks": "10.0.0.0/8, 203.0.113.7", "force": "1"})

    assert (refused.status_code, "my own address" in text(refused)) == (409, True)
    assert (saved.status_code, row(cast).allowed_networks) == (302, ["10.0.0.0/8", "203.0.113.7/32"])


def test_sessions_take_hours_or_nothing(cast):
    browser = cast.signed_in()

    assert browser.post(page(cast, "sessions"), {"hours": "x"}).status_code == 400
    assert browser.post(page(cast, "sessions"), {"hours": "12"}).status_code == 302
    assert row(cast).session_hours == 12
    assert browser.post(page(cast, "sessions"), {"hours": ""}).status_code == 302
    assert row(cast).session_hours is None


def test_logo_is_shown_beside_the_name(cast):
    browser = cast.signed_in()
    assert browser.get(page(cast, "logo")).status_code == 404

    assert browser.post(page(cast, "logo"), {"logo": SimpleUploadedFile("a.svg", b"<svg/>")}).status_code == 400
    assert browser.post(page(cast, "logo"), {}).status_code == 400
    assert browser.post(page(cast, "logo"), {"logo": SimpleUploadedFile("a.png", PNG)}).status_code == 302

    assert browser.get(page(cast, "logo")).content == PNG
    assert 'class="org-logo"' in text(browser.get(f"/{cast.org.slug}/prod/"))
    assert browser.post(page(cast, "logo/remove")).status_code == 302
    assert browser.get(page(cast, "logo")).status_code == 404


def test_read_only_and_back(cast):
    browser = cast.signed_in()
    browser.post(page(cast, "state"), {"state": "read_only", "reason": "moving house"})

    shown = text(browser.get(page(cast)))
    assert "is read-only" in shown
    assert "moving house" in shown
    assert browser.post(page(cast), {"name": "Other", "slug": cast.org.slug}).status_code == 403
    assert browser.post(page(cast, "state"), {"state": "nonsense"}).status_code == 400
    assert browser.post(page(cast, "state"), {"state": "active"}).status_code == 302
    assert row(cast).state == OrganizationState.ACTIVE


def test_deletion_needs_the_name_and_is_undone(cast):
    browser = cast.signed_in()

    refused = browser.post(page(cast, "delete"), {"typed": cast.org.slug})
    assert (refused.status_code, "exactly" in text(refused)) == (400, True)
    asked = browser.post(page(cast, "delete"), {"typed": cast.org.name}, follow=True)
    assert "will be deleted on" in text(asked)
    assert "Undo the deletion" in text(asked)
    assert browser.get(f"/{cast.org.slug}/prod/").status_code == 403
    assert browser.post(page(cast, "undo-deletion")).status_code == 302
    assert browser.get(f"/{cast.org.slug}/prod/").status_code == 200


def test_suspended_organization_says_why(cast):
    organizations.set_state(org_id=cast.org_id, state=OrganizationState.SUSPENDED, reason="unpaid", actor=SYSTEM)

    assert "unpaid" in text(cast.signed_in().get(page(cast)))
    refused = cast.signed_in(cast.viewer).get(f"/{cast.org.slug}/prod/")
    assert (refused.status_code, "unpaid" in text(refused)) == (403, True)


def test_export_is_a_file(cast):
    answer = cast.signed_in().get(page(cast, "export"))

    lines = [json.loads(line) for line in b"".join(answer).splitlines()]
    assert answer["Content-Disposition"] == f'attachment; filename="{cast.org.slug}.jsonl"'
    assert lines[0] == {"table": "organization", "row": lines[0]["row"]}
    assert lines[0]["row"]["name"] == cast.org.name


def test_provisioning_token_is_shown_once_and_works_until_it_is_revoked(cast):
    browser = cast.signed_in()
    assert "Provisioning is off" in text(browser.get(page(cast, "scim")))

    made = browser.post(page(cast, "scim/tokens"), {"name": "Okta"})
    token = next(
        word for word in text(made).replace("<", " ").replace(">", " ").split() if word.startswith("dgb_scim_")
    )

    assert made["Cache-Control"] == "no-store"
    assert token not in text(browser.get(page(cast, "scim")))
    idp = Client(headers={"Authorization": f"Bearer {token}"})
    assert idp.get("/scim/v2/Users").json()["totalResults"] == 3
    shown = text(browser.get(page(cast, "scim")))
    assert "Okta" in shown
    token_id = shown.partition("/settings/scim/tokens/")[2].partition("/revoke")[0].rpartition("/")[2]
    assert browser.post(page(cast, f"scim/tokens/{token_id}/revoke")).status_code == 302
    assert "Provisioning is off" in text(browser.get(page(cast, "scim")))


def test_page_of_provisioning_revokes_no_other_token_and_is_for_admins(cast):
    other = cast.agent_token.token.id

    assert cast.signed_in().post(page(cast, f"scim/tokens/{other}/revoke")).status_code == 404
    assert cast.signed_in().post(page(cast, "scim/tokens"), {"name": ""}).status_code == 400
    assert cast.signed_in(cast.editor).get(page(cast, "scim")).status_code == 403
