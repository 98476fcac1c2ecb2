"""The whole REST API as its own description tells it, with values made from it, by each kind of caller (promise S13): never a 500,
never a status that the description does not name.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from controlplane.config.wsgi import application
from tenants.models import TokenKind
from tenants.token_services import issue_token
from tests.isolation.world import World, make_world

EXAMPLES = 3
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
OPERATIONS = {f"{one.method.upper()} {one.path}": one for one in (found.ok() for found in SCHEMA.get_all_operations())}


@schemathesis.serializer("application/gzip")
def _as_bytes(_context: Any, value: Any) -> bytes:
    """A source archive: whatever bytes come to mind."""
    return value if isinstance(value, bytes) else str(value).encode()


def no_server_error(context: Any, response: Any, case: Any) -> bool | None:
    """But one that is described: nobody runs user code here, and who waits for it is told so."""
    is_described = str(response.status_code) in case.operation.definition.raw["responses"]
    return None if is_described else not_a_server_error(context, response, case)


CHECKS = [no_server_error, status_code_conformance]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def callers(world: World) -> dict[str, dict[str, str]]:
    """The headers of each kind of caller."""
    alice, mallory = world.alice, world.mallory

    def token(user: Any) -> str:
        return issue_token(org_id=alice.org_id, kind=TokenKind.USER, name="fuzz", user=user).text

    texts = {
        "admin": token(alice.owner),
        "editor": token(alice.editor),
        "viewer": token(alice.viewer),
        "agent": alice.agent_token.text,
        "outsider": mallory.user_token.text,
    }
    return {"anonymous": {}, **{name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_caller_gets_what_is_not_described(world: World, callers: dict[str, dict[str, str]], name: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[name].as_strategy(), real=st.booleans())
    def fuzz(case: Any, real: bool) -> None:
        _place(case, world, every=real)
        for headers in callers.values():
            case.validate_response(case.call(headers=headers), checks=CHECKS)

    fuzz()


def _place(case: Any, world: World, *, every: bool) -> None:
    """Into Alice's organization, so that more is reached than a 404; with `every`, to what it really has."""
    known = {**world.known, "org": world.alice.org.slug, "deployment": "prod"}
    for parameter in case.path_parameters or {}:
        if parameter in {"org", "deployment"} or (every and parameter in known):
            case.path_parameters[parameter] = known[parameter]
