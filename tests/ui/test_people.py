"""Pages of members, teams, roles and invitations, as people of each standing see them."""

import pytest
from django.core import mail
from django.test import override_settings

from tenants.models import CustomRole, Grant, Membership, Team, TeamMembership, User
from tenants.people.models import Invitation
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tests.callers import anonymous, signed_in
from tests.tenants.people import access_of, link_in, new_address, person
from tests.ui.people_world import People, make_people


@pytest.fixture(scope="module")
def shown() -> People:
    """For those who only look."""
    return make_people()


@pytest.fixture
def made() -> People:
    """For those who change something."""
    return make_people()


@pytest.fixture(autouse=True)
def letters():
    """Mails land in Django's own test box."""
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        yield


def page(world, path, user=None):
    answer = signed_in(user or world.cast.owner).get(f"/{world.cast.org.slug}/settings/{path}")
    return answer.status_code, answer.content.decode()


def send(world, path, user=None, **form):
    return signed_in(user or world.cast.owner).post(f"/{world.cast.org.slug}/settings/{path}", form, follow=True)


def rows(world, model, **wanted):
    with org_scope(world.cast.org_id):
        return list(model.objects.for_org(world.cast.org_id).filter(**wanted))


def paths(world):
    return ("members", f"members/{world.busy.pk}", "teams", f"teams/{world.team.id}", "roles")


def test_every_page_opens_for_everybody_in_the_organization(shown):
    for user in (shown.cast.owner, shown.admin, shown.cast.editor, shown.cast.viewer):
        for path in paths(shown):
            assert page(shown, path, user)[0] == 200, (user, path)


def test_viewer_sees_people_and_can_change_nothing(shown):
    for path in paths(shown):
        _status, text = page(shown, path, shown.cast.viewer)
        main = text[text.index("<main") : text.index("</main>")]
        assert 'method="post"' not in main.replace('id="matrix"', "", 1) or path == "roles"
        assert "/revoke" not in main
    assert "<button" not in main[main.index('id="matrix"') :]


def test_names_of_people_are_text(shown):
    _status, text = page(shown, "members")

    assert "Ada &lt;b&gt;Lovelace" in text
    assert "<b>Lovelace" not in text


def test_denial_is_told_to_admins_and_not_to_whom_it_hides_from(shown):
    assert "payroll" in page(shown, f"members/{shown.busy.pk}")[1]
    for user in (shown.busy, shown.cast.viewer):
        assert "payroll" not in page(shown, f"members/{shown.busy.pk}?deployment=prod", user)[1]


def test_rights_are_explained_by_their_sources(shown):
    _status, text = page(shown, f"members/{shown.busy.pk}?deployment=prod")

    assert "through the team Data platform" in text
    assert "Editor in prod" in text
    assert "Parts are hidden" in text


def test_give_and_revoke_a_role(made):
    user = person(made.cast)
    place = f"deployment:{made.cast.deployment.id}"

    answer = send(made, f"members/{user.pk}/give", role="editor", place=place, target="everything", hours="0")

    assert "Given." in answer.content.decode()
    assert Permission.RUN_LAUNCH in access_of(made.cast, user).at(made.cast.deployment.place).permissions
    grant = rows(made, Grant, user=user)[0]
    send(made, f"grants/{grant.id}/revoke")
    assert rows(made, Grant, user=user) == []


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"role": "editor", "place": "moon:"}, "Choose where"),
        ({"role": "king", "place": "organization:"}, "Name one role"),
        ({"role": "viewer", "place": "organization:", "target": "sun"}, "Choose on what"),
        ({"role": "viewer", "place": "organization:", "target": "group"}, "Name what it is on"),
        ({"role": "viewer", "place": "organization:", "hours": "3"}, "Choose for how long"),
        ({"role": "viewer", "place": "organization:", "hours": "2"}, "needs a reason"),
        ({"role": "custom:x", "place": "organization:"}, "not one of the choices"),
    ],
)
def test_form_that_makes_no_sense_is_refused_with_the_reason(shown, form, why):
    answer = send(shown, f"members/{shown.cast.viewer.pk}/give", **form)

    assert answer.status_code == 200
    assert why in answer.content.decode()


def test_admin_of_a_deployment_gives_there_and_nowhere_else(made):
    user = person(made.cast)
    _status, text = page(made, f"members/{user.pk}", made.admin)
    assert ">prod</option>" in text
    assert ">everywhere</option>" not in text
    assert ">everywhere</option>" in page(made, f"members/{user.pk}")[1]

    send(made, f"members/{user.pk}/give", made.admin, role="viewer", place=f"deployment:{made.cast.deployment.id}")
    refused = send(made, f"members/{user.pk}/give", made.admin, role="viewer", place="organization:")

    assert "Organization Admins" in refused.content.decode()
    assert [grant.role for grant in rows(made, Grant, user=user)] == ["viewer"]


def test_teams_are_made_filled_renamed_and_deleted(made):
    send(made, "teams", name="Night shift")
    team = rows(made, Team, name="Night shift")[0]
    send(made, f"teams/{team.id}/add", email=made.busy.email.upper())
    assert [link.user_id for link in rows(made, TeamMembership, team=team)] == [made.busy.pk]
    send(made, f"teams/{team.id}", role="viewer", place="organization:")
    assert len(rows(made, Grant, team=team)) == 1
    send(made, f"teams/{team.id}/members/{made.busy.pk}/remove")
    assert rows(made, TeamMembership, team=team) == []
    send(made, f"teams/{team.id}/rename", name="Day shift")
    assert rows(made, Team, id=team.id)[0].name == "Day shift"
    assert "is not a member" in send(made, f"teams/{team.id}/add", email="nobody@example.com").content.decode()
    send(made, f"teams/{team.id}/delete")
    assert rows(made, Team, id=team.id) == []


def test_matrix_saves_what_was_ticked_and_leaves_the_rest(made):
    ticked = ["deployment:read", "run:read", "run:launch"]
    others = {role.id: role.permissions for role in rows(made, CustomRole) if role.id != made.role_id}

    send(made, "roles", shown=str(made.role_id), **{f"role-{made.role_id}": ticked})

    found = {role.id: role.permissions for role in rows(made, CustomRole)}
    assert sorted(found.pop(made.role_id)) == sorted(ticked)
    assert found == others


def test_matrix_refuses_a_role_with_nothing_in_it(made):
    answer = send(made, "roles", shown=str(made.role_id))

    assert "at least one permission" in answer.content.decode()
    assert rows(made, CustomRole, id=made.role_id)[0].permissions != []


def test_role_is_made_renamed_and_deleted(made):
    send(made, "roles/new", name="Helper", like="launcher", level="deployment")
    role = rows(made, CustomRole, name="Helper")[0]
    assert "run:launch" in role.permissions
    send(made, f"roles/{role.id}/rename", name="Aide", description="helps")
    assert (rows(made, CustomRole, id=role.id)[0].name, rows(made, CustomRole, id=role.id)[0].description) == (
        "Aide",
        "helps",
    )
    send(made, f"roles/{role.id}/delete")
    assert rows(made, CustomRole, id=role.id) == []


def test_removed_member_is_gone(made):
    answer = send(made, f"members/{made.busy.pk}/remove")

    assert "is not a member any more" in answer.content.decode()
    assert rows(made, Membership, user=made.busy) == []


def test_invitation_is_sent_again_and_taken_back(made):
    address = new_address()
    send(made, "members/invite", email=address, role="viewer", place="organization:")
    row = rows(made, Invitation, email=address)[0]

    send(made, f"invitations/{row.id}/resend")
    first, second = (link_in(letter) for letter in mail.outbox if letter.to == [address])
    assert anonymous().get(f"/invite/{first}").status_code == 404
    assert anonymous().get(f"/invite/{second}").status_code == 200

    send(made, f"invitations/{row.id}/revoke")
    assert anonymous().get(f"/invite/{second}").status_code == 404


def invited(world, address=None, **form):
    """The address and the link of a new invitation."""
    address = address or new_address()
    send(world, "members/invite", email=address, **({"role": "editor", "place": "organization:"} | form))
    return address, link_in(mail.outbox[-1])


def test_somebody_with_an_account_signs_in_and_joins(made):
    guest = User.objects.create(email=new_address())
    _address, link = invited(made, guest.email)

    assert "Sign in to join" in anonymous().get(f"/invite/{link}").content.decode()
    browser = signed_in(guest)
    assert f"Join {made.cast.org.name}" in browser.get(f"/invite/{link}").content.decode()
    joined = browser.post(f"/invite/{link}")

    assert joined["Location"] == f"/{made.cast.org.slug}"
    assert access_of(made.cast, guest).at(made.cast.deployment.place).allows(Permission.RUN_LAUNCH)
    assert browser.get(f"/invite/{link}").status_code == 404


def test_link_is_good_for_its_address_only(made):
    _address, link = invited(made)
    other = User.objects.create(email=new_address())
    browser = signed_in(other)

    assert f"You are signed in as {other.email}" in browser.get(f"/invite/{link}").content.decode()
    assert browser.post(f"/invite/{link}").status_code == 403
    assert rows(made, Membership, user=other) == []


def test_new_person_signs_up_with_the_invited_address_and_joins(made):
    address, link = invited(made)
    browser = anonymous()
    password = {"password1": "a few words of my own"}

    to_sign_up = browser.post(f"/invite/{link}")
    assert to_sign_up["Location"].startswith("/sign-up?")
    other = browser.post(to_sign_up["Location"], {"email": new_address(), **password}, format="multipart")
    assert "Your invitation is for" in other.content.decode()
    signed_up = browser.post(to_sign_up["Location"], {"email": address, **password}, format="multipart")

    assert signed_up["Location"] == f"/invite/{link}"
    assert browser.post(f"/invite/{link}")["Location"] == f"/{made.cast.org.slug}"
    user = User.objects.get(email=address)
    assert access_of(made.cast, user).at(made.cast.deployment.place).allows(Permission.RUN_LAUNCH)
