"""Invitations: who may invite whom with what, links that work once, and the limit of an hour. At the services."""

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail
from django.test import override_settings
from django.utils import timezone

from controlplane.core.threads import with_connections_returned
from tenants.access import Principal
from tenants.audit.models import AuditEvent
from tenants.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    OrganizationReadOnlyError,
    TooManyError,
)
from tenants.models import Grant, GrantScope, Membership, Organization, OrganizationState, Role, TeamMembership, User
from tenants.people.acceptance import accept_invitation, find_invitation
from tenants.people.grants import revoke_grant
from tenants.people.invitations import invite, resend_invitation, revoke_invitation
from tenants.people.members import remove_member
from tenants.people.models import Invitation
from tenants.people.teams import delete_team
from tenants.people.terms import GrantTerms
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.tokens import token_text
from tests.tenants.people import HERE, WIDE, access_of, hold, link_in, make_team, new_address, of, of_team, person


@pytest.fixture(autouse=True)
def letters():
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        yield


def sent(cast, inviter=None, email=None, grants=(), teams=()):
    """A new invitation, and the secret in its link."""
    inviter = inviter or cast.owner
    made = invite(
        access=access_of(cast, inviter),
        inviter_id=inviter.pk,
        email=email or new_address(),
        grants=grants,
        teams=[team.id for team in teams],
    )
    return made, link_in(mail.outbox[-1])


def guest_of(invitation):
    return User.objects.create(email=invitation.email)


def accept(user, link):
    return accept_invitation(principal=Principal(user=user), text=link)


def in_prod(cast, role):
    return GrantTerms(scope=HERE, deployment_id=cast.deployment.id, role=role)


def test_accepted_invitation_gives_what_it_promised_once_and_is_audited(cast):
    team = make_team(cast)
    invitation, link = sent(cast, grants=[in_prod(cast, Role.EDITOR)], teams=[team])
    guest = guest_of(invitation)

    assert accept(guest, link).slug == cast.org.slug

    assert access_of(cast, guest).at(cast.deployment.place).allows(Permission.RUN_LAUNCH)
    with org_scope(cast.org_id):
        assert TeamMembership.objects.for_org(cast.org_id).filter(user=guest, team=team).exists()
        actions = AuditEvent.objects.for_org(cast.org_id).order_by("id").values_list("action", "actor_label")
        assert list(actions)[-3:] == [
            ("invitation.create", cast.owner.email),
            ("grant.create", guest.email),
            ("invitation.accept", guest.email),
        ]
    with pytest.raises(NotFoundError, match="accepted already"):
        accept(guest, link)


def test_mail_names_who_invites_and_carries_a_link_to_this_installation(cast):
    invitation, link = sent(cast)
    letter = mail.outbox[-1]

    assert letter.to == [invitation.email]
    assert letter.subject == f"Join {cast.org.name} on Daggerboard"
    assert cast.owner.email in letter.body
    assert f"/invite/{link}" in letter.body
    with org_scope(cast.org_id):
        kept = Invitation.objects.for_org(cast.org_id).filter(id=invitation.id).values().get()
        logged = AuditEvent.objects.for_org(cast.org_id).filter(action="invitation.create").values().get()
    secret = link.split("_")[3]
    assert secret not in str(kept)
    assert secret not in str(logged)


def test_line_breaks_in_names_do_not_reach_the_mail(cast):
    Organization.objects.filter(id=cast.org_id).update(name="Acme\nBcc: victim@example.com")

    sent(cast)

    assert mail.outbox[-1].subject == "Join Acme Bcc: victim@example.com on Daggerboard"


@pytest.mark.parametrize("email", ["", "ann", "a b@example.com", "ann@example.com\nBcc: x@example.com"])
def test_what_is_no_address_is_refused(cast, email):
    with pytest.raises(InvalidError):
        invite(access=access_of(cast, cast.owner), inviter_id=cast.owner.pk, email=email)


def test_members_and_those_invited_already_are_not_invited_again(cast):
    invitation, _link = sent(cast)

    with pytest.raises(ConflictError, match="member already"):
        sent(cast, email=cast.viewer.email.upper())
    with pytest.raises(ConflictError, match="invited already"):
        sent(cast, email=invitation.email.upper())


def test_link_of_another_address_or_a_made_up_one_is_good_for_nothing(cast):
    invitation, link = sent(cast)
    stranger = User.objects.create(email=new_address())

    with pytest.raises(ForbiddenError, match=invitation.email):
        accept(stranger, link)
    forged = token_text(kind="invite", token_id=invitation.id, secret="0" * 64)
    for text in ("", "x", forged, link[:-1], cast.user_token.text):
        with pytest.raises(NotFoundError):
            find_invitation(text)


def test_expired_revoked_and_replaced_links_say_why_they_do_not_work(cast):
    access = access_of(cast, cast.owner)
    old, old_link = sent(cast)
    gone, gone_link = sent(cast)
    late, late_link = sent(cast)
    resend_invitation(access=access, inviter_id=cast.owner.pk, invitation_id=old.id)
    revoke_invitation(access=access, inviter_id=cast.owner.pk, invitation_id=gone.id)
    with org_scope(cast.org_id):
        rows = Invitation.objects.for_org(cast.org_id).filter(id=late.id)
        rows.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))

    for link, why in ((old_link, "newer one"), (gone_link, "taken this invitation back"), (late_link, "expired")):
        with pytest.raises(NotFoundError, match=why):
            find_invitation(link)
    find_invitation(link_in([letter for letter in mail.outbox if letter.to == [old.email]][-1]))


def test_two_clicks_at_the_same_time_make_one_member(cast):
    invitation, link = sent(cast, grants=[in_prod(cast, Role.VIEWER)])
    guest = guest_of(invitation)
    outcomes = []

    def click():
        try:
            outcomes.append(accept(guest, link).slug)
        except NotFoundError:
            outcomes.append(None)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda _number: with_connections_returned(click), range(2)))

    assert sorted(outcomes, key=str) == sorted([cast.org.slug, None], key=str)
    with org_scope(cast.org_id):
        assert Membership.objects.for_org(cast.org_id).filter(user=guest).count() == 1
        assert Grant.objects.for_org(cast.org_id).filter(user=guest).count() == 1


def test_admin_invites_with_roles_up_to_theirs_where_they_are_admin(cast):
    admin = person(cast, Role.ADMIN)

    sent(cast, admin, grants=[in_prod(cast, Role.ADMIN)])
    sent(cast, admin)
    for terms in (GrantTerms(scope=WIDE, role=Role.VIEWER), GrantTerms(scope=WIDE, role=Role.ORGANIZATION_ADMIN)):
        with pytest.raises(ForbiddenError):
            sent(cast, admin, grants=[terms])
    with pytest.raises(ForbiddenError):
        sent(cast, admin, teams=[make_team(cast)])
    with pytest.raises(ForbiddenError, match="member:invite"):
        sent(cast, cast.editor)


def test_only_the_inviter_and_organization_admins_change_an_invitation(cast):
    admin, other = person(cast, Role.ADMIN), person(cast, Role.ADMIN)
    invitation, _link = sent(cast, admin)

    with pytest.raises(ForbiddenError):
        revoke_invitation(access=access_of(cast, other), inviter_id=other.pk, invitation_id=invitation.id)
    resend_invitation(access=access_of(cast, admin), inviter_id=admin.pk, invitation_id=invitation.id)
    revoke_invitation(access=access_of(cast, cast.owner), inviter_id=cast.owner.pk, invitation_id=invitation.id)


def test_who_may_not_give_any_more_what_they_promised_does_not_send_it_again(cast):
    admin = person(cast)
    here = hold(cast, of(admin), role=Role.ADMIN)
    invitation, link = sent(cast, admin, grants=[in_prod(cast, Role.ADMIN)])
    hold(cast, of(admin), role=Role.ADMIN, scope=GrantScope.ALL_BRANCHES)
    revoke_grant(access=access_of(cast, cast.owner), grant_id=here.id)

    with pytest.raises(ForbiddenError):
        resend_invitation(access=access_of(cast, admin), inviter_id=admin.pk, invitation_id=invitation.id)
    with pytest.raises(NotFoundError, match="may not give any more"):
        accept(guest_of(invitation), link)

    resend_invitation(access=access_of(cast, cast.owner), inviter_id=cast.owner.pk, invitation_id=invitation.id)
    guest = User.objects.get(email=invitation.email)
    assert accept(guest, link_in(mail.outbox[-1])).slug == cast.org.slug


def test_invitations_of_somebody_who_was_removed_die_with_them(cast):
    admin = person(cast, Role.ADMIN)
    _invitation, link = sent(cast, admin, grants=[in_prod(cast, Role.ADMIN)])

    remove_member(access=access_of(cast, cast.owner), user_id=admin.pk)

    with pytest.raises(NotFoundError):
        find_invitation(link)


def test_what_is_gone_when_somebody_joins_is_left_out_and_noted(cast):
    team = make_team(cast)
    hold(cast, of_team(team), role=Role.VIEWER)
    invitation, link = sent(cast, teams=[team])
    delete_team(access=access_of(cast, cast.owner), team_id=team.id)

    accept(guest_of(invitation), link)

    with org_scope(cast.org_id):
        event = AuditEvent.objects.for_org(cast.org_id).filter(action="invitation.accept").get()
    assert event.after["left_out"] == ["Teams that were deleted: 1"]


def test_nobody_joins_an_organization_that_is_read_only(cast):
    invitation, link = sent(cast)
    Organization.objects.filter(id=cast.org_id).update(state=OrganizationState.READ_ONLY)

    with pytest.raises(OrganizationReadOnlyError):
        accept(guest_of(invitation), link)


def test_an_hour_has_a_limit_which_resending_counts_against(cast, outsider):
    with override_settings(INVITATIONS_PER_HOUR=2):
        invitation, _link = sent(cast)
        resend_invitation(access=access_of(cast, cast.owner), inviter_id=cast.owner.pk, invitation_id=invitation.id)
        with pytest.raises(TooManyError, match="2 invitations within an hour"):
            sent(cast)
        answer = cast.api().post(
            f"/api/v1/organizations/{cast.org.slug}/invitations/",
            {"email": new_address()},
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "throttled")
        sent(outsider)
    with org_scope(cast.org_id):
        assert Invitation.objects.for_org(cast.org_id).count() == 1


def test_invitation_of_another_organization_is_unknown(cast, outsider):
    invitation, _link = sent(outsider)

    with pytest.raises(NotFoundError):
        revoke_invitation(access=access_of(cast, cast.owner), inviter_id=cast.owner.pk, invitation_id=invitation.id)
