"""What organizations are called, how they look, who they admit, and the states they can be in."""

import datetime

import pytest
from django.utils import timezone

from tenants import organizations
from tenants.access import SYSTEM, Principal
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import Organization, OrganizationState
from tenants.scoping import org_scope
from tests.callers import bearer, signed_in
from tests.waiting import eventually

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
HOME = {"REMOTE_ADDR": "203.0.113.9"}
AWAY = {"REMOTE_ADDR": "198.51.100.1"}


def path(cast, rest=""):
    return f"/api/v1/organizations/{cast.org.slug}/{rest}"


def owner(cast):
    return bearer(cast.user_token.text)


def change(cast, **body):
    return owner(cast).patch(path(cast), body)


def code_of(answer):
    """The code of a refusal. What tokens may, each process believes for two seconds."""
    return answer.json()["errors"][0]["code"] if answer.status_code >= 400 else None


def actions(cast):
    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(action__startswith="organization.").order_by("id")
        return list(rows.values_list("action", flat=True))


def set_state(cast, state):
    organizations.set_state(org_id=cast.org_id, state=state, reason="unpaid", actor=SYSTEM)


def test_owner_changes_settings_and_each_is_in_the_audit_log(cast):
    slug = f"{cast.org.slug}-new"

    answer = change(cast, name="  Renamed ", slug=slug, session_hours=8, allowed_networks=["127.0.0.1", "10.0.0.0/8"])

    found = answer.json()
    assert (answer.status_code, found["name"], found["slug"], found["session_hours"]) == (200, "Renamed", slug, 8)
    assert found["allowed_networks"] == ["127.0.0.1/32", "10.0.0.0/8"]
    assert actions(cast) == [
        f"organization.{what}" for what in ("rename", "change_slug", "set_session_hours", "set_allowed_networks")
    ]


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_others_may_look_and_change_nothing(cast, role):
    api = cast.api(getattr(cast, role))

    assert api.get(path(cast)).status_code == 200
    for method, rest in (("patch", ""), ("delete", ""), ("put", "logo/"), ("get", "export/")):
        assert getattr(api, method)(path(cast, rest)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"name": " "},
        {"name": "x" * 201},
        {"name": "a\nb"},
        {"slug": "Ä"},
        {"slug": "settings"},
        {"session_hours": 0},
        {"session_hours": 99999},
        {"state": "suspended"},
        {"allowed_networks": ["nonsense"]},
        {"allowed_networks": ["10.0.0.1/8"]},
        {"allowed_networks": [f"10.0.{i}.0/24" for i in range(201)]},
    ],
)
def test_what_makes_no_sense_is_refused(cast, body):
    answer = change(cast, **body)

    assert (answer.status_code, answer.json()["errors"][0]["attr"].partition(".")[0]) == (400, next(iter(body)))
    assert actions(cast) == []


def test_slug_of_another_organization_is_taken(cast, outsider):
    assert change(cast, slug=outsider.org.slug).status_code == 409


def test_networks_that_shut_the_caller_out_are_refused_unless_meant(cast):
    refused = change(cast, allowed_networks=["10.0.0.0/8"])
    meant = change(cast, allowed_networks=["10.0.0.0/8"], force=True)

    assert refused.status_code == 409
    assert "127.0.0.1" in refused.json()["errors"][0]["detail"]
    assert meant.status_code == 200
    eventually(lambda: code_of(owner(cast).get(path(cast))), lambda code: code == "address_refused")


def test_people_and_tokens_come_from_the_networks_only(cast):
    Organization.objects.filter(id=cast.org_id).update(allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    browser = signed_in(cast.owner)

    for client, address in ((owner(cast), path(cast)), (browser, f"/{cast.org.slug}/settings/")):
        assert client.get(address, **HOME).status_code == 200
        assert client.get(address, REMOTE_ADDR="2001:db8::7").status_code == 200
        assert client.get(address, REMOTE_ADDR="::ffff:203.0.113.9").status_code == 200
        assert client.get(address, **AWAY).status_code == 403
        assert client.get(address, REMOTE_ADDR="").status_code == 403
    live = f"/{cast.org.slug}/prod/live"
    assert browser.get(live, **AWAY).json()["errors"][0]["code"] == "address_refused"


def test_outsiders_learn_nothing_of_the_networks(cast, outsider):
    Organization.objects.filter(id=cast.org_id).update(allowed_networks=["203.0.113.0/24"])

    assert owner(outsider).get(path(cast)).status_code == 404


def test_agents_come_from_the_networks_too(cast):
    Organization.objects.filter(id=cast.org_id).update(allowed_networks=["203.0.113.0/24"])
    agent = bearer(cast.agent_token.text)
    headers = {"HTTP_DAGGERBOARD_PROTOCOL": "1.1"}

    def status(**where):
        return agent.generic("POST", "/agent/v1/goodbye", "{}", content_type="application/json", **headers, **where)

    assert status(**AWAY).status_code == 403
    assert status(**HOME).status_code == 400


def test_sessions_end_when_the_organization_wants(cast):
    Organization.objects.filter(id=cast.org_id).update(session_hours=8)
    browser = cast.signed_in()
    page = f"/{cast.org.slug}/settings/"
    assert browser.get(page).status_code == 200
    session = browser.session
    session["signed_in_at"] = (timezone.now() - datetime.timedelta(hours=9)).timestamp()
    session.save()

    assert browser.get(path(cast)).json()["errors"][0]["code"] == "session_too_old"
    assert browser.get(page)["Location"].startswith("/sign-in")
    assert browser.get("/sign-in").status_code == 200


def test_logo_is_an_image_by_its_content(cast):
    api = owner(cast)
    logo = path(cast, "logo/")

    assert api.get(logo).status_code == 204
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"GIF89a", PNG + b"0" * 256 * 1024):
        assert api.generic("PUT", logo, data, content_type="image/png").status_code == 400
    assert api.generic("PUT", logo, PNG, content_type="text/plain").status_code == 204
    shown = api.get(logo)

    assert (shown.content, shown["Content-Type"], shown["X-Content-Type-Options"]) == (PNG, "image/png", "nosniff")
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert api.delete(logo).status_code == 204
    assert api.get(logo).status_code == 204


def test_read_only_organization_is_looked_at_and_not_changed(cast):
    assert change(cast, state="read_only", reason="audit").status_code == 200
    api = owner(cast)
    eventually(
        lambda: code_of(api.post(path(cast, "tokens/"), {"name": "x"})), lambda code: code == "organization_read_only"
    )

    assert api.get(cast.api_path("runs/")).status_code == 200
    for answer in (
        api.post(cast.api_path("runs/"), {"job": "nightly"}),
        api.post(path(cast, "tokens/"), {"name": "x"}),
        change(cast, name="Other"),
    ):
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"]) == (403, "organization_read_only")
        assert "audit" in error["detail"]
    assert change(cast, state="active", name="Other").status_code == 200


@pytest.mark.parametrize("state", [OrganizationState.SUSPENDED, OrganizationState.PENDING_DELETION])
def test_closed_organization_lets_admins_into_its_settings_only(cast, state):
    Organization.objects.filter(id=cast.org_id).update(state=state, state_reason="unpaid")
    code = f"organization_{state}"

    for client in (owner(cast), cast.api(cast.viewer), bearer(cast.agent_token.text)):
        assert client.get(cast.api_path("runs/")).status_code == 403
    assert owner(cast).get(cast.api_path("runs/")).json()["errors"][0]["code"] == code
    assert cast.api(cast.viewer).get(path(cast)).json()["errors"][0]["code"] == code
    assert owner(cast).get(path(cast)).json()["state"] == state
    assert cast.signed_in().get(f"/{cast.org.slug}/settings/").status_code == 200
    assert cast.signed_in().get(f"/{cast.org.slug}/prod/").status_code == 403
    assert cast.signed_in(cast.viewer).get(f"/{cast.org.slug}/settings/").status_code == 403
    assert cast.signed_in().get(f"/{cast.org.slug}/prod/live").json()["errors"][0]["code"] == code


def test_admins_do_not_lift_a_suspension(cast):
    set_state(cast, OrganizationState.SUSPENDED)

    assert change(cast, state="active").status_code == 403
    assert change(cast, name="Other").json()["errors"][0]["code"] == "organization_suspended"


def test_deletion_needs_the_name_and_can_be_undone(cast):
    set_state(cast, OrganizationState.SUSPENDED)
    api = owner(cast)

    wrong = api.delete(path(cast), {"name": "something"})
    asked = api.delete(path(cast), {"name": cast.org.name, "reason": "moving on"})
    again = api.delete(path(cast), {"name": cast.org.name})
    undone = api.post(path(cast, "undo-deletion/"))

    due = datetime.datetime.fromisoformat(asked.json()["delete_after"]) - timezone.now()
    assert [answer.status_code for answer in (wrong, asked, again, undone)] == [400, 202, 409, 200]
    assert datetime.timedelta(days=6.9) < due < datetime.timedelta(days=7)
    # Not a way out of a suspension.
    assert undone.json()["state"] == "suspended"
    assert api.post(path(cast, "undo-deletion/")).status_code == 409


def test_deletion_that_has_begun_is_not_undone(cast):
    actor = Principal(user=cast.owner).actor
    organizations.request_deletion(org_id=cast.org_id, typed_name=cast.org.name, reason="", actor=actor)
    Organization.objects.filter(id=cast.org_id).update(delete_after=timezone.now())

    with pytest.raises(ConflictError, match="has begun"):
        organizations.undo_deletion(org_id=cast.org_id, actor=actor)


def test_operator_cannot_delete_by_setting_a_state(cast):
    with pytest.raises(ConflictError):
        set_state(cast, OrganizationState.PENDING_DELETION)


def test_organization_that_is_gone_is_not_found(cast):
    Organization.objects.filter(id=cast.org_id).delete()

    with pytest.raises(NotFoundError):
        organizations.rename(org_id=cast.org_id, name="x", actor=SYSTEM)


def test_reason_is_short(cast):
    with pytest.raises(InvalidError):
        organizations.set_own_state(
            org_id=cast.org_id, state=OrganizationState.READ_ONLY, reason="x" * 501, actor=SYSTEM
        )
