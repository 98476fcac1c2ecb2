"""Roles mean what docs/permissions.md says: each row of its matrix against the code, and by HTTP as a person of each role (promise S4)."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tenants.ids import uuid7
from tenants.models import Role
from tenants.people.vocabulary import DAGSTER_PLUS
from tenants.permissions import ROLE_PERMISSIONS, Permission
from tests.architecture.source import ROOT
from tests.callers import signed_in
from tests.factories import queue_run
from tests.isolation.world import World, make_world
from tests.tenants.people import WIDE, hold, make_team, of, person

PAGE = (ROOT / "docs/permissions.md").read_text()
ROLES = [Role.VIEWER, Role.LAUNCHER, Role.EDITOR, Role.ADMIN, Role.ORGANIZATION_ADMIN]
YES, NO = "\u2713", "\u2013"
_MARKS = rf"([{YES}{NO}]) \| " * len(ROLES)
_ROW = re.compile(rf"^\| [^|]*\| ([^|]+?) \| {_MARKS}`([^`]+)` \|(.*)\|$", re.MULTILINE)
_IN_PROD = {"role": "viewer", "scope": "deployment", "deployment": "prod"}
# What is sent, by the address as the page shows it. `<…>` is filled in.
BODIES: dict[str, dict[str, Any]] = {
    "POST $PROD/environment/": {"name": "X_<new>", "value": "x", "scopes": {"full_deployment": True}},
    "POST $PROD/environment/export/": {},
    "POST $ORG/deployments/": {"name": "d<new>"},
    "POST $ORG/grants/": {**_IN_PROD, "user": "<other>"},
    "POST $ORG/grants/?team": {**_IN_PROD, "team": "<team>"},
    "PUT $PROD/code-locations/<new>/": {"target": {"module_name": "x"}},
    "POST $PROD/runs/": {"job": "nightly"},
    "POST $ORG/tokens/": {"name": "t", "kind": "agent"},
    "POST $ORG/tokens/?own": {"name": "t"},
    "POST $ORG/service-accounts/": {"name": "s<new>"},
    "POST $ORG/invitations/": {"email": "<new>@acme.example", "grants": [_IN_PROD]},
    "POST $ORG/teams/": {"name": "t<new>"},
    "POST $ORG/roles/": {"name": "r<new>", "permissions": ["run:read"]},
    "PATCH $ORG/": {"name": "Acme"},
}


@dataclass(frozen=True)
class Row:
    """One row of the page."""

    action: str
    allowed: frozenset[Role]
    permission: Permission
    address: str

    def __str__(self) -> str:
        return self.permission.value


MATRIX = [
    Row(
        action=found[0],
        allowed=frozenset(role for role, mark in zip(ROLES, found[1:6], strict=True) if mark == YES),
        permission=Permission(found[6]),
        address=found[7].strip().strip("`"),
    )
    for found in _ROW.findall(PAGE)
]


@dataclass(frozen=True)
class Stage:
    """A world, and a browser of one person per role."""

    world: World
    browsers: dict[Role, Any]

    def ask(self, role: Role, shown: str) -> Any:
        """Call an address as the page shows it, about things made for this call."""
        cast = self.world.alice
        values = {
            "<new>": uuid7().hex,
            "<location>": self.world.known["location"],
            "<other>": str(person(cast).pk) if "<other>" in shown + str(BODIES.get(shown)) else "",
            "<team>": str(make_team(cast).id) if "?team" in shown else "",
            "<queued>": str(queue_run(cast, job="nightly").id) if "<queued>" in shown else "",
        }
        method, _, path = shown.partition(" ")
        path = path.replace("$PROD/", cast.api_path()).replace("$ORG/", f"/api/v1/organizations/{cast.org.slug}/")
        body = filled(json.dumps(BODIES.get(shown, {})), values)
        path = filled(path.partition("?")[0], values)
        if method == "GET":
            return self.browsers[role].get(path)
        return self.browsers[role].generic(method, path, body, content_type="application/json")


def filled(text: str, values: dict[str, str]) -> str:
    """The text with what stands in `<…>` put in."""
    for name, value in values.items():
        text = text.replace(name, value)
    return text


@pytest.fixture(scope="module")
def stage() -> Stage:
    world = make_world()
    browsers = {}
    for role in ROLES:
        user = person(world.alice)
        place = {"scope": WIDE} if role == Role.ORGANIZATION_ADMIN else {}
        hold(world.alice, of(user), role=role, **place)
        browsers[role] = signed_in(user)
    return Stage(world, browsers)


def test_page_has_every_permission_of_people_once():
    assert sorted(row.permission for row in MATRIX) == sorted(set(Permission) - {Permission.AGENT_WORK})


@pytest.mark.parametrize("row", MATRIX, ids=str)
def test_row_is_what_the_code_says(row):
    assert {role for role in ROLES if row.permission in ROLE_PERMISSIONS[role]} == row.allowed


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", [row for row in MATRIX if row.address], ids=str)
def test_row_is_what_the_address_does(stage, row, role):
    answer = stage.ask(role, row.address)

    if role in row.allowed:
        assert answer.status_code in {200, 201, 202, 204}, answer.content
    else:
        assert answer.status_code == 403, answer.content


def test_every_body_belongs_to_a_row():
    assert set(BODIES) <= {row.address for row in MATRIX}


def test_page_says_what_names_of_dagster_plus_mean():
    shown = re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", PAGE, re.MULTILINE)

    assert {name: set(re.findall(r"`([^`]+)`", text)) for name, text in shown} == {
        name: {permission.value for permission in held} for name, held in DAGSTER_PLUS.items()
    }
