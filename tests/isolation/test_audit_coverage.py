"""The audit trail is complete (promise S17): every route and method that changes something in an organization, from the URLconf, is
called so that it succeeds, and must leave a row that says who did it.
"""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tenants.models import TokenKind
from tenants.token_services import issue_token
from tests.callers import bearer, signed_in
from tests.isolation.changes import CHANGES, PNG, UNRECORDED, events_of
from tests.isolation.routes import KIND_OF, Kind, routes
from tests.isolation.world import WornWorld

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"<\w+:(\w+)>")
# Routes of these kinds name no organization: accounts, or agents' reports of what runs, which are history and not actions.
ELSEWHERE = {
    Kind.OPEN: "accounts belong to the installation; joining an organization is recorded by tenants/people/acceptance.py",
    Kind.OWN: "accounts belong to the installation",
    Kind.SIGNED_IN: "lists",
    Kind.AGENT: "reports of runs are history; registering and leaving are recorded: tests/runs/test_audit_trail.py",
    Kind.LIVE: "streams of changes",
    Kind.SCIM: "tests/tenants/test_scim.py names the action of each operation",
    Kind.DAGSTER: "tests/external/test_reports.py looks for the row of each",
    Kind.PIPES: "what a run's own process says is history",
    Kind.GRAPHQL: "tests/delivery/test_dagster_cloud_tenancy.py names the action of each operation",
}


def changing():
    """`METHOD pattern` of everything that may change an organization."""
    return {
        f"{method} {route.pattern}"
        for route in routes()
        if KIND_OF[route.pattern] not in ELSEWHERE
        for method in route.methods
        if method in CHANGING and callable(getattr(route.view, method.lower(), None))
    }


def test_every_change_is_placed():
    placed = set(CHANGES) | set(UNRECORDED)

    assert {"not placed": changing() - placed, "gone": placed - changing()} == {"not placed": set(), "gone": set()}
    assert set(CHANGES) & set(UNRECORDED) == set()


@pytest.fixture(scope="module")
def worn():
    return WornWorld()


@pytest.mark.parametrize("key", CHANGES)
def test_change_that_succeeds_is_recorded(worn, key):
    worn.see(lambda world: is_recorded(world, key))


def is_recorded(world, key):
    change, cast = CHANGES[key], world.alice
    change.before(world)
    known = known_of(world)
    method, pattern = key.split(" ", 1)
    values = known | {name: filled(value, known) for name, value in change.values.items()}
    address = "/" + _PARAMETER.sub(lambda found: values[found[1]], pattern)
    before = {event.id for event in events_of(world)}

    answer = send(cast, method, address, filled(change.body, known))

    assert answer.status_code < 400, (answer.status_code, answer.content[:600])
    new = [event for event in events_of(world) if event.id not in before]
    assert new, f"{key} succeeded and left nothing in the audit log"
    assert {event.actor_id for event in new} <= {cast.owner.pk, cast.user_token.token.id}
    assert all(event.action.count(".") == 1 and event.target_kind for event in new)


def known_of(world):
    cast, known = world.alice, dict(world.known)
    team = cast.api().get(f"/api/v1/organizations/{cast.org.slug}/teams/{known['team_id']}/").json()
    scim = issue_token(org_id=cast.org_id, kind=TokenKind.SCIM, name="idp").token
    return known | {
        "org": cast.org.slug,
        "org_name": cast.org.name,
        "deployment": "prod",
        "editor_id": str(cast.editor.pk),
        "editor_email": cast.editor.email,
        "team_name": team.get("name", ""),
        "scim_token_id": str(scim.id),
    }


def filled(value, known):
    if isinstance(value, dict):
        return {filled(name, known): filled(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, known) for part in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], value)
    return value


def send(cast, method, address, body):
    if not address.startswith("/api/"):
        files = {name: SimpleUploadedFile("logo.png", PNG, "image/png") for name, part in body.items() if part == PNG}
        return signed_in(cast.owner).post(address, body | files)
    client = bearer(cast.user_token.text)
    if isinstance(body, bytes):
        return client.generic(method, address, body, content_type="image/png")
    return getattr(client, method.lower())(address, body, format="json")
