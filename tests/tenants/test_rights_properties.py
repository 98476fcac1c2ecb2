"""What holds for any set of grants: rights are a union, denials win, order and the way a grant came do not matter, scopes are what they say."""

import datetime
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.grants import NOTHING, Holding, Holdings, Place, Target, holdings_of_user
from tenants.models import Effect, Grant, GrantScope, Role, TargetKind
from tenants.people.terms import NAMES_DEPLOYMENT
from tenants.permissions import OF_DEPLOYMENTS, OF_MEMBERS, ORGANIZATION_WIDE, ROLE_PERMISSIONS, Permission
from tenants.scoping import org_scope
from tests.tenants.people import make_team, person

FULL = [UUID(int=number) for number in (1, 2)]
BRANCH = [UUID(int=number) for number in (11, 12, 13)]
# Two branches of the first deployment, one of the second.
PLACES = [Place(FULL[0]), Place(FULL[1])] + [
    Place(branch, is_branch=True, parent_id=FULL[0 if number < 2 else 1]) for number, branch in enumerate(BRANCH)
]
targets = st.none() | st.builds(Target, st.sampled_from([TargetKind.LOCATION, TargetKind.GROUP]), st.sampled_from("ab"))
permission_sets = st.frozensets(st.sampled_from(list(Permission)), max_size=6) | st.sampled_from(
    list(ROLE_PERMISSIONS.values())
)


@st.composite
def holdings(draw, effects=tuple(Effect)):
    scope = draw(st.sampled_from(GrantScope))
    effect = draw(st.sampled_from(effects))
    ids = FULL if scope == GrantScope.BRANCHES_OF else FULL + BRANCH
    return Holding(
        grant_id=draw(st.uuids()),
        effect=effect,
        scope=scope,
        deployment_id=draw(st.sampled_from(ids)) if scope in NAMES_DEPLOYMENT else None,
        target=draw(targets),
        permissions=draw(permission_sets) if effect == Effect.ALLOW else NOTHING,
        role="",
        team=draw(st.sampled_from(["", "data"])),
        expires_at=None,
        reason="",
    )


def applies(held, place):
    """Said again, in another way than the code says it."""
    covered = {
        GrantScope.ORGANIZATION: {known.id for known in PLACES},
        GrantScope.DEPLOYMENT: {held.deployment_id},
        GrantScope.ALL_BRANCHES: set(BRANCH),
        GrantScope.BRANCHES_OF: {known.id for known in PLACES if known.parent_id == held.deployment_id},
    }
    return place.id in covered[held.scope]


def shape(rights):
    return rights.everywhere, frozenset(rights.on_parts), frozenset(rights.hidden)


@given(st.lists(holdings()), st.sampled_from(PLACES))
def test_rights_are_the_union_of_grants_less_what_is_denied(grants, place):
    rights = Holdings(tuple(grants)).at(place)

    here = [held for held in grants if applies(held, place)]
    denied = [held for held in here if held.effect == Effect.DENY]
    if any(held.target is None for held in denied):
        assert shape(rights) == (NOTHING, frozenset(), frozenset())
        return
    whole = [held.permissions for held in here if held.effect == Effect.ALLOW and held.target is None]
    assert rights.everywhere == NOTHING.union(*whole) & OF_DEPLOYMENTS
    assert set(rights.hidden) == {held.target for held in denied}
    somewhere = [held.permissions for held in here if held.effect == Effect.ALLOW]
    assert rights.somewhere == NOTHING.union(*somewhere) & OF_DEPLOYMENTS


@given(st.lists(holdings()), st.lists(holdings()), st.sampled_from(PLACES))
def test_own_and_team_grants_add_up(own, team, place):
    def without_denials(grants):
        return tuple(held for held in grants if held.effect == Effect.ALLOW)

    both = Holdings(without_denials(own) + without_denials(team)).at(place)

    apart = [Holdings(without_denials(grants)).at(place) for grants in (own, team)]
    assert both.everywhere == apart[0].everywhere | apart[1].everywhere
    assert set(both.on_parts) == set(apart[0].on_parts) | set(apart[1].on_parts)


@given(st.lists(holdings()), st.lists(holdings(effects=(Effect.DENY,))), st.sampled_from(PLACES))
def test_a_denial_gives_nothing_and_a_grant_lifts_none(grants, denials, place):
    before, after = Holdings(tuple(grants)).at(place), Holdings((*grants, *denials)).at(place)

    assert after.everywhere <= before.everywhere
    assert after.somewhere <= before.somewhere
    if after.somewhere:
        assert set(before.hidden) <= set(after.hidden)


@given(st.lists(holdings(), max_size=8), st.randoms(use_true_random=False), st.sampled_from(PLACES))
def test_order_does_not_matter(grants, random, place):
    mixed = list(grants)
    random.shuffle(mixed)

    assert shape(Holdings(tuple(mixed)).at(place)) == shape(Holdings(tuple(grants)).at(place))
    assert Holdings(tuple(mixed)).in_organization() == Holdings(tuple(grants)).in_organization()


@given(st.lists(holdings()))
def test_rights_of_the_organization_come_from_grants_and_no_denial_takes_them(grants):
    found = Holdings(tuple(grants)).in_organization()

    allowed = tuple(held for held in grants if held.effect == Effect.ALLOW)
    assert found == Holdings(allowed).in_organization()
    assert not found & OF_DEPLOYMENTS
    wide = [held.permissions for held in allowed if held.scope == GrantScope.ORGANIZATION and held.target is None]
    assert found & ORGANIZATION_WIDE == NOTHING.union(*wide) & ORGANIZATION_WIDE
    assert found >= OF_MEMBERS


@given(st.lists(holdings()), permission_sets, st.sampled_from(PLACES))
def test_a_token_never_has_more_than_its_scopes_nor_than_its_holder(grants, limit, place):
    whole = Holdings(tuple(grants)).at(place)
    cut = whole.cut(limit)

    assert cut.somewhere == whole.somewhere & limit
    assert cut.hidden == whole.hidden


@pytest.fixture(scope="module")
def one_person():
    from tests.cast import make_cast

    cast = make_cast()
    user = person(cast)
    return cast, user, make_team(cast, user)


offsets = st.none() | st.integers(-5000, -1) | st.integers(600, 5000)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Role), offsets, st.booleans()), max_size=4))
def test_expired_grants_give_nothing_whoever_holds_them(one_person, given_grants):
    cast, user, team = one_person
    now = timezone.now()
    with org_scope(cast.org_id):
        Grant.objects.for_org(cast.org_id).filter(user=user).delete()
        Grant.objects.for_org(cast.org_id).filter(team=team).delete()
        for role, seconds, by_team in given_grants:
            Grant.objects.create_in(
                cast.org_id,
                **({"team": team} if by_team else {"user": user}),
                role=role,
                scope=GrantScope.ORGANIZATION,
                expires_at=None if seconds is None else now + datetime.timedelta(seconds=seconds),
            )
        found = holdings_of_user(cast.org_id, user.pk, user.email).at(cast.deployment.place)

    live = [ROLE_PERMISSIONS[role] for role, seconds, _by_team in given_grants if seconds is None or seconds > 0]
    assert found.everywhere == NOTHING.union(*live) & OF_DEPLOYMENTS
