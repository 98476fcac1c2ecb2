"""Whatever is sent, the answer is never a 500 (promise S13): nonsense in every parameter, path and body of every operation."""

import json
from urllib.parse import quote
from zlib import crc32

import pytest

from tests.api.test_documented_answers import DESCRIPTION, OPERATIONS
from tests.callers import bearer
from tests.isolation.world import make_world

NONSENSE = [
    "",
    "\0",
    "a\0b",
    "-1",
    "9" * 40,
    "💥" * 300,
    "../..",
    "%",
    "'\"",
    "[]",
    "\\",
    "0001-01-01T00:00:00Z",
    "x" * 3000,
]
JSON_SCALARS = [None, True, -1, 10**30, 1.5, "", "\0", "\ud800", "x" * 3000]
JSON_NONSENSE = [*JSON_SCALARS, [], [None], [[]], {}, {"a": None}, {"\0": "\0"}, {"a": {"b": [1]}}]


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def alice(world):
    return bearer(world.alice.user_token.text)


def places(world, path, **instead):
    known = world.known | {"org": world.alice.org.slug, "deployment": "prod"} | instead
    return path.format(**{name: quote(value, safe="") for name, value in known.items()})


def parameters(operation, where):
    return [p["name"] for p in operation.get("parameters", []) if p["in"] == where]


def some_of(nonsense, *place):
    """A third for each place, another for the next: each parameter is in many operations, and together they get all of it."""
    return nonsense[crc32(" ".join(place).encode()) % 3 :: 3]


def takes_json(operation):
    return "application/json" in operation.get("requestBody", {}).get("content", {})


@pytest.mark.parametrize(("path", "method", "operation"), [p for p in OPERATIONS if p.values[1] == "get"])
def test_nonsense_in_a_query_is_refused_or_ignored(world, alice, path, method, operation):
    usual = {"asset": world.known["key"], "log_key": "raw", "q": "x"}
    names = parameters(operation, "query")

    answers = {
        (name, text): alice.get(places(world, path), {k: v for k, v in usual.items() if k in names} | {name: text})
        for name in names
        for text in some_of(NONSENSE, path, name)
    }

    assert [sent for sent, answer in answers.items() if answer.status_code >= 500] == []


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_nonsense_in_an_address_is_not_found(world, alice, path, method, operation):
    words = set(parameters(operation, "path")) & {"org", "deployment", "location", "job", "key", "stream"}

    answers = {
        (name, text): alice.generic(
            method.upper(), places(world, path, **{name: text}), "{}", content_type="application/json"
        )
        for name in words
        for text in some_of(NONSENSE, path, method, name)
        if text
    }

    assert [sent for sent, answer in answers.items() if answer.status_code >= 500] == []


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 200_000, '{"name": NaN}', b"\xff", b""])
def test_body_that_is_no_json_is_a_400(world, alice, body):
    answer = alice.post(f"/api/v1/organizations/{world.alice.org.slug}/tokens/", body, content_type="application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize(("path", "method", "operation"), [p for p in OPERATIONS if takes_json(p.values[2])])
def test_nonsense_in_a_body_is_refused(world, alice, path, method, operation):
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    names = DESCRIPTION["components"]["schemas"][schema]["properties"]

    answers = {
        (name, repr(value)): alice.generic(
            method.upper(), places(world, path), json.dumps({name: value}), content_type="application/json"
        )
        for name in names
        for value in some_of(JSON_NONSENSE, path, method, name)
    }

    assert [sent for sent, answer in answers.items() if answer.status_code >= 500 and answer.status_code != 503] == []
