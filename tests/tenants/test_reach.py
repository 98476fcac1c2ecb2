"""The algebra of reaches: what one includes, and that the database decides as Python does."""

import json
import uuid
from dataclasses import replace

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.grants import Place
from tenants.reach import EVERYTHING, Reach, covers_sql

PROD, OTHER, GONE = (uuid.UUID(int=number) for number in (1, 2, 3))
PLACES = {
    place.id: place
    for place in (
        Place(id=PROD, is_branch=False),
        Place(id=OTHER, is_branch=False),
        Place(id=uuid.UUID(int=11), is_branch=True, parent_id=PROD),
        Place(id=uuid.UUID(int=12), is_branch=True, parent_id=PROD),
        Place(id=uuid.UUID(int=21), is_branch=True, parent_id=OTHER),
        Place(id=uuid.UUID(int=22), is_branch=True, parent_id=OTHER, is_fork=True),
        Place(id=uuid.UUID(int=90), is_branch=True, parent_id=None),
    )
}
# A full deployment, and a branch of it, that nobody names: what is made tomorrow.
NEW = uuid.UUID(int=7)
TOMORROW = [
    Place(id=NEW, is_branch=False),
    Place(id=uuid.UUID(int=71), is_branch=True, parent_id=NEW),
    Place(id=uuid.UUID(int=72), is_branch=True, parent_id=NEW, is_fork=True),
]
NAMES = ["etl", "shop"]

_some_names = st.none() | st.frozensets(st.sampled_from(NAMES))
reaches = st.builds(
    Reach,
    deployments=st.frozensets(st.sampled_from([*PLACES, GONE]), max_size=3),
    branches_of=st.frozensets(st.sampled_from([PROD, OTHER]), max_size=2),
    all_branches=st.booleans(),
    all_deployments=st.booleans(),
    forks=st.booleans(),
    queues=_some_names,
    code_locations=_some_names,
    bootstrap_only=st.booleans(),
)

_ASK = f"""
    SELECT coalesce({covers_sql(location="x.location", queue="x.queue")}, false)
    FROM (SELECT %s::jsonb AS reach) t, (SELECT %s::uuid AS id, %s::text AS kind, %s::uuid AS parent_id, %s::boolean AS is_fork) d,
         (SELECT %s::text AS location, %s::text AS queue) x
"""


@settings(max_examples=150, deadline=None)
@given(
    reach=reaches,
    place=st.sampled_from(list(PLACES.values())),
    location=st.sampled_from(NAMES),
    queue=st.sampled_from(NAMES),
)
def test_database_decides_as_python_does(reach: Reach, place: Place, location: str, queue: str) -> None:
    document = reach.document()
    with connection.cursor() as cursor:
        cursor.execute(
            _ASK,
            [
                None if document is None else json.dumps(document),
                place.id,
                "branch" if place.is_branch else "full",
                place.parent_id,
                place.is_fork,
                location,
                queue,
            ],
        )
        [answer] = cursor.fetchone()

    assert answer is reach.covers(place, location=location, queue=queue)


@given(reach=reaches)
def test_stored_form_says_the_same(reach: Reach) -> None:
    assert Reach.parse(reach.document()) == reach


@settings(max_examples=300, deadline=None)
@given(one=reaches, other=reaches)
def test_one_includes_another_exactly_when_it_covers_all_of_it(one: Reach, other: Reach) -> None:
    anything = [
        (place, location, queue)
        for place in [*PLACES.values(), *TOMORROW]
        for location in [*NAMES, "new"]
        for queue in [*NAMES, "new"]
    ]
    missing = [
        where
        for where in anything
        if other.covers(where[0], location=where[1], queue=where[2])
        and not one.covers(where[0], location=where[1], queue=where[2])
    ]

    if one.includes(other, PLACES):
        assert missing == []
    elif other.queues != frozenset() and other.code_locations != frozenset() and other.deployments <= PLACES.keys():
        # What it names and does not hold yet counts: a branch that is opened tomorrow is of a deployment that is there today.
        tomorrow = [
            Place(id=uuid.uuid4(), is_branch=True, parent_id=parent, is_fork=is_fork)
            for parent in (PROD, OTHER, NEW)
            for is_fork in (False, True)
        ]
        later = [place for place in tomorrow if other.has_place(place) and not one.has_place(place)]
        assert missing or later


def test_no_place_is_every_full_deployment_and_no_branch() -> None:
    branch = Place(id=uuid.uuid4(), is_branch=True, parent_id=PROD)

    assert Reach.parse(None).has_place(PLACES[PROD])
    assert not Reach.parse(None).has_place(branch)
    assert not Reach(queues=frozenset({"etl"})).has_place(branch)
    assert EVERYTHING.has_place(branch)
    assert EVERYTHING.has_place(PLACES[PROD])


def test_fork_is_within_reach_only_where_the_token_says_so() -> None:
    fork = PLACES[uuid.UUID(int=22)]

    for reach in (
        Reach(),
        Reach(all_deployments=True, all_branches=True),
        Reach(branches_of=frozenset({OTHER})),
        Reach(deployments=frozenset({fork.id})),
        Reach(forks=True),
    ):
        assert not reach.has_place(fork)
    assert Reach(branches_of=frozenset({OTHER}), forks=True).has_place(fork)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Reach(), Reach(deployments=frozenset({PROD})), True),
        (Reach(), Reach(deployments=frozenset({uuid.UUID(int=11)})), False),
        (Reach(), EVERYTHING, False),
        (EVERYTHING, Reach(deployments=frozenset({uuid.UUID(int=11)}), branches_of=frozenset({OTHER})), True),
        (Reach(), Reach(all_deployments=True), True),
        (Reach(bootstrap_only=True), Reach(), True),
        (Reach(deployments=frozenset({PROD})), Reach(), False),
        (Reach(deployments=frozenset({PROD})), Reach(deployments=frozenset({PROD, OTHER})), False),
        (Reach(deployments=frozenset({PROD})), Reach(deployments=frozenset({PROD, GONE})), True),
        (Reach(deployments=frozenset({PROD})), Reach(branches_of=frozenset({PROD})), False),
        (Reach(all_branches=True), Reach(branches_of=frozenset({PROD})), True),
        (Reach(branches_of=frozenset({PROD})), Reach(all_branches=True), False),
        (Reach(all_branches=True), Reach(all_branches=True, forks=True), False),
        (Reach(all_branches=True, forks=True), Reach(all_branches=True), True),
        # Without branches there are no forks among them.
        (Reach(), Reach(forks=True), True),
        (Reach(queues=frozenset({"a"})), Reach(), False),
        (replace(EVERYTHING, queues=frozenset({"a", "b"})), Reach(queues=frozenset({"a"})), True),
        (Reach(code_locations=frozenset({"a"})), Reach(code_locations=frozenset({"b"})), False),
    ],
)
def test_one_reach_includes_another(one: Reach, other: Reach, expected: bool) -> None:
    assert one.includes(other, PLACES) is expected
