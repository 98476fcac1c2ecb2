"""Secrets never leave (promise S6): an organization whose every secret is a canary, and every page and endpoint asked by its owner.

Reveal and export are there to answer values; both are POST. tests/e2e/test_canary_secrets.py does the same with real runs and processes.
"""

import pytest
import structlog

from controlplane.environment import services
from controlplane.environment.selectors import variables
from tenants.audit.models import AuditEvent
from tenants.scoping import org_scope
from tests.callers import bearer, signed_in
from tests.environment.variables import BRANCHES, FULL, LOCAL, set_variable
from tests.isolation.routes import Kind, name_of, of_kind
from tests.isolation.test_routes import ask
from tests.isolation.world import make_world

CANARY = "canary-3d81aa-value"
READS = [(route, method) for route, method in of_kind(Kind.API, Kind.PAGE) if method == "GET"]


@pytest.fixture(scope="module")
def world():
    world = make_world()
    alice = world.alice
    for name, scopes in (("ONE", FULL), ("TWO", BRANCHES), ("THREE", LOCAL)):
        set_variable(alice, name, f"{CANARY}-{name}", scopes)
    one = next(variable for variable in variables(alice.deployment) if variable.name == "ONE")
    services.reveal_value(deployment=alice.deployment, variable=one, actor=alice.actor)
    return world


def secrets(world):
    """Values, and the texts of tokens."""
    alice = world.alice
    return [CANARY, alice.user_token.text, alice.agent_token.text]


@pytest.mark.parametrize(("route", "method"), READS, ids=name_of)
def test_reply_to_the_owner_holds_no_secret(world, route, method):
    client = bearer(world.alice.user_token.text) if route.pattern.startswith("api/") else signed_in(world.alice.owner)
    with structlog.testing.capture_logs() as logged:
        answer = ask(client, method, world, route, org=world.alice)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content

    assert [secret for secret in secrets(world) if secret.encode() in body] == []
    assert [secret for secret in secrets(world) if secret in str(logged)] == []
    assert CANARY not in str(answer.headers)


def test_audit_log_holds_no_secret(world):
    with org_scope(world.alice.org_id):
        rows = str(list(AuditEvent.objects.for_org(world.alice.org_id).values()))

    assert "environment_variable.reveal" in rows
    assert [secret for secret in secrets(world) if secret in rows] == []


def test_the_search_would_find_it(world):
    """The control: where a value is meant to be, the canary is."""
    answer = bearer(world.alice.user_token.text).post(world.alice.api_path("environment/export/"), {}, format="json")

    assert CANARY in answer.content.decode()
