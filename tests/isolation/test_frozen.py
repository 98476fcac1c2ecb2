"""A frozen deployment refuses every change, from the URLconf: each request of changes.py that names a deployment is sent to one that is
frozen, and must leave it as it was.
"""

import re

import pytest

from controlplane.deployments.freezing import freeze, thaw
from tests.isolation.changes import CHANGES, UNRECORDED
from tests.isolation.test_audit_coverage import filled, known_of, send
from tests.isolation.test_tasks import changed, rows_of
from tests.isolation.world import World, WornWorld

_PARAMETER = re.compile(r"<\w+:(\w+)>")
# What goes on in a frozen deployment, and why.
GOES_ON = {
    "freeze/": "thaws it",
    "settings/thaw": "thaws it",
    "runs/<uuid:run_id>/cancel": "what runs may be stopped",
    "/runs/bulk": "what runs may be stopped, for the page",
    "bulk-actions/": "the same of many; other deeds are refused: tests/runs/test_bulk_actions.py",
    "pools/free/": "what runs on may be helped",
    "backfills/<uuid:backfill_id>/pause": "what goes on may be stopped",
    "backfills/<uuid:backfill_id>/cancel": "what goes on may be stopped",
    "backfills/<uuid:backfill_id>/act": "the same, for the page; the rest of it is refused as over REST",
    "/reveal": "reads",
    "/export": "reads",
    "branch/act": "is of a branch deployment, which its base does not freeze",
    "agents/tokens": "tokens belong to the organization",
}
# Written by any request: who used which token when, the log, and what user code is asked.
_TRACES = {"command", "api_token", "audit_event", "audit_seal", "audit_turn"}
ASKED = [
    key
    for key in CHANGES
    if "<slug:deployment>/" in key and not any(part in key for part in GOES_ON) and key not in UNRECORDED
]


def test_there_is_something_to_ask() -> None:
    assert len(ASKED) > 15


@pytest.fixture(scope="module")
def worn() -> WornWorld:
    return WornWorld()


@pytest.mark.parametrize("key", ASKED)
def test_a_frozen_deployment_is_left_as_it_was(worn: WornWorld, key: str) -> None:
    worn.see(lambda world: _is_left(world, key))


def _is_left(world: World, key: str) -> None:
    change, cast = CHANGES[key], world.alice
    change.before(world)
    known = known_of(world)
    method, pattern = key.split(" ", 1)
    values = known | {name: filled(value, known) for name, value in change.values.items()}
    address = "/" + _PARAMETER.sub(lambda found: values[found[1]], pattern)
    freeze(org_id=cast.org_id, deployment_id=cast.deployment.id, reason="Quarter end", actor=cast.actor)
    before = rows_of(cast.org_id)

    answer = send(cast, method, address, filled(change.body, known))

    assert changed(before, rows_of(cast.org_id)) - _TRACES == set()
    if pattern.startswith("api/"):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "deployment_frozen")
    else:
        assert answer.status_code in {302, 409} or "was frozen by" in answer.content.decode()
    thaw(org_id=cast.org_id, deployment_id=cast.deployment.id, actor=cast.actor)
