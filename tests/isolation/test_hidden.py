"""What rules hide is absent (user need 2): every page, endpoint and stream of the URLconf, for a person with each kind of denial and of
narrow grant. What they may not see has `canary` in its name; whoever may see all finds it everywhere, so that these tests can fail.
"""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
from django.http import HttpResponseBase
from django.test import RequestFactory

from controlplane.runs import stream
from tenants.ids import uuid7
from tenants.models import Role, TokenKind
from tenants.token_services import issue_token
from tests.callers import bearer, signed_in
from tests.isolation.hidden import CANARY, DENIALS, GRANTS, WORDS, Hidden, make_hidden
from tests.isolation.hidden_queries import QUERIES
from tests.isolation.routes import KIND_OF, Kind, Route, routes
from tests.tenants.people import person

PEOPLE = [*DENIALS, *GRANTS, "has a location", "has a role by one team and a denial by another"]
# Routes of an organization that show what is in its deployments.
OF_ORGANIZATION = ("organizations/<slug:org>/agents/", "organizations/<slug:org>/agents/<uuid:agent_id>/")
# Parameters that are ids of what is hidden.
_IDS = ("run_id", "instigator_id", "tick_id")
_PARAMETER = re.compile(r"<\w+:(\w+)>")
_MEANING = {"code-locations/<path:name>": "location"}
ASKED = [
    route
    for route in routes()
    if KIND_OF.get(route.pattern) in {Kind.API, Kind.PAGE}
    and ("<slug:deployment>" in route.pattern or route.pattern.endswith(OF_ORGANIZATION))
]
READ = [route for route in ASKED if "GET" in route.methods]
WRITTEN = [(route, method) for route in ASKED for method in route.methods if method != "GET"]


# One for each way in which something is hidden. The others ask a fifth of the routes each, so that together they ask all as well.
ASK_EVERYTHING = ("denies a group", "has a selection", "has a location")


def asked_by(name: str) -> list[Route]:
    """The routes that this person asks."""
    if name in ASK_EVERYTHING:
        return READ
    return [route for route in READ if crc32(route.pattern.encode()) % 5 == PEOPLE.index(name) % 5]


@pytest.fixture(scope="module")
def hidden() -> Hidden:
    return make_hidden()


@pytest.fixture(scope="module")
def callers(hidden: Hidden) -> dict[str, tuple[Any, Any]]:
    """Per person a client of the REST API and a browser."""
    everybody = {**hidden.people, "sees everything": person(hidden.cast, Role.EDITOR)}
    return {name: (bearer(_token(hidden, user)), signed_in(user)) for name, user in everybody.items()}


def _token(hidden: Hidden, user: Any) -> str:
    return issue_token(
        org_id=hidden.cast.org_id, kind=TokenKind.USER, name="t", user=user, actor=hidden.cast.actor
    ).text


def address(hidden: Hidden, route: Route, known: dict[str, str]) -> str:
    values = known | {"org": hidden.cast.org.slug, "deployment": "prod", "seq": "3", "stream": "stdout"}
    for ending, meaning in _MEANING.items():
        if route.pattern.endswith(ending):
            values["name"] = values[meaning]
    return "/" + _PARAMETER.sub(lambda found: values[found[1]], route.pattern)


def queries(route: Route, known: dict[str, str]) -> Iterator[dict[str, str]]:
    given = [queries for ending, queries in QUERIES.items() if route.pattern.endswith(ending)]
    for query in max(given, key=len) if given else [{}, {"q": "canary"}]:
        yield {name: value.format(**known) for name, value in query.items()}


def read(callers: tuple[Any, Any], hidden: Hidden, route: Route, known: dict[str, str], query: dict[str, str]) -> Any:
    api, browser = callers
    client = api if KIND_OF[route.pattern] == Kind.API else browser
    return client.get(address(hidden, route, known), query)


def content(answer: Any) -> bytes:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return bytes(body) + repr(sorted(answer.headers.items())).encode()


def crawl(
    callers: tuple[Any, Any], hidden: Hidden, known: dict[str, str], asked: list[Route]
) -> Iterator[tuple[str, int, bytes]]:
    for route in asked:
        for query in queries(route, known):
            answer = read(callers, hidden, route, known, query)
            # What was asked for may be repeated; nothing else may be known.
            yield f"{route.pattern} {query}", answer.status_code, _without(content(answer), query.values())


def _without(body: bytes, words: Any) -> bytes:
    for word in words:
        for text in {word, html.escape(word)} - {"a"}:
            for told in (f'value="{text}"', f"q={text}", f"“{text}”"):
                body = body.replace(told.encode(), b"")
    return body


@pytest.mark.parametrize("name", PEOPLE)
def test_what_is_hidden_shows_nowhere(hidden, callers, name):
    known = hidden.known_to(name)
    # The id of a run of both shows with what it made of `plain`; it leads nowhere.
    secret_runs = [str(hidden.runs[name]) for name in ("near", "far", "ops", "checks")]
    found = []
    for where, status, body in crawl(callers[name], hidden, known, asked_by(name)):
        if CANARY.search(body) or any(run.encode() in body for run in secret_runs):
            found.append(
                f"{where}: {[m.group() for m in re.finditer(rb'.{0,60}canary.{0,40}', body, re.IGNORECASE)][:2]}"
            )
        if status >= 500:
            found.append(f"{where}: {status}")

    assert not found, "\n".join(found)


def _names(route: Route) -> bool:
    """Whether its address or a query of it names something in a deployment."""
    queries = [str(qs) for ending, qs in QUERIES.items() if route.pattern.endswith(ending)]
    return "<" in route.pattern.split("<slug:deployment>")[-1] or any("{" in text for text in queries)


def test_whoever_may_see_all_finds_every_canary(hidden, callers):
    """The control: each word is somewhere, and every route that tells of a deployment's content tells of one."""
    everything: list[bytes] = []
    naming = [route for route in READ if _names(route)]
    everybody = callers["sees everything"]
    for known, asked in (
        (hidden.known_to("sees everything"), READ),
        *((hidden.world.known | parameters, naming) for parameters in hidden.hidden_parameters),
    ):
        for _where, _status, body in crawl(everybody, hidden, known, asked):
            everything.append(body if CANARY.search(body) else b"")
    text = b"\n".join(everything).decode(errors="replace")

    assert {word for word in WORDS if word not in text} == set()
    assert all(str(run) in text for run in hidden.runs.values())


@pytest.mark.parametrize("name", PEOPLE)
def test_what_is_seen_is_there(hidden, callers, name):
    """The other control: it is not that these people see nothing."""
    known = hidden.known_to(name)
    api = callers[name][0]
    prod = hidden.cast.api_path()

    assert api.get(f"{prod}assets/{known['key']}/").status_code == 200
    assert api.get(f"{prod}runs/{known['run_id']}/").status_code == 200
    assert known["key"] in [one["key"] for one in api.get(f"{prod}assets/").json()["results"]]
    assert known["location"] in [one["name"] for one in api.get(f"{prod}code-locations/").json()["results"]]


def guesses(hidden: dict[str, str]) -> dict[str, str]:
    """Names that nobody has in place of the hidden ones. A job of a location that is seen would be looked for there."""
    mark = uuid7().hex
    return {name: _guess(name, value, mark) for name, value in hidden.items()}


def _guess(name: str, value: str, mark: str) -> str:
    return str(uuid7()) if name in _IDS else f"no{mark}{name}" if CANARY.search(value.encode()) else value


def neutral(answer: Any, names: dict[str, str], path: str, query: dict[str, str]) -> tuple[int, bytes]:
    """An answer without the names by which it was asked for."""
    body = bytes(b"".join(answer.streaming_content) if answer.streaming else answer.content)
    body = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", body)
    body = re.sub(rb"hx-headers=[^>]+", b"", body)
    headers = {name: value for name, value in answer.headers.items() if name not in {"Content-Length", "X-Request-Id"}}
    text = body + repr(sorted(headers.items())).encode()
    for name in sorted({path, *query.values(), *names.values()}, key=len, reverse=True):
        if len(name) > 3:
            text = text.replace(name.encode(), b"NAME").replace(html.escape(name).encode(), b"NAME")
    return answer.status_code, re.sub(rb"nonce-[\w+/=-]+|nonce=\"[^\"]+\"", b"", text)


def _names_hidden(route: Route, query: dict[str, str], parameters: dict[str, str]) -> bool:
    """Whether an address with this query names something that is hidden; what a run of both made of `plain` is not."""
    if query == {"run": "{run_id}"}:
        return False
    text = address_names(route) + "".join(query.values())
    return any("{" + name + "}" in text for name in _IDS) or any(
        "{" + name + "}" in text and CANARY.search(value.encode()) for name, value in parameters.items()
    )


def address_names(route: Route) -> str:
    """The parameters of a route, as a query would name them."""
    meaning = [meant for ending, meant in _MEANING.items() if route.pattern.endswith(ending)]
    return "".join(
        "{" + (meaning[0] if meaning and name == "name" else name) + "}" for name in _PARAMETER.findall(route.pattern)
    )


@pytest.mark.parametrize("name", PEOPLE)
def test_hidden_things_answer_as_if_they_were_not(hidden, callers, name):
    compared, different = 0, []
    for parameters in hidden.hidden_parameters:
        guessed = guesses(parameters)
        for route in asked_by(name):
            asked = [q for ending, qs in QUERIES.items() if route.pattern.endswith(ending) for q in qs] or [{}]
            for query in asked:
                if _names_hidden(route, query, parameters):
                    compared += 1
                    there, nowhere = (
                        _asked(callers[name], hidden, route, names, query) for names in (parameters, guessed)
                    )
                    if there != nowhere:
                        different.append(
                            f"{route.pattern} {query}: {there[0]} {nowhere[0]} {_difference(there[1], nowhere[1])}"
                        )

    assert compared > (60 if name in ASK_EVERYTHING else 8)
    assert not different, "\n".join(different)


def _difference(one: bytes, other: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(0, at - 80) : at + 60]!r} {other[max(0, at - 80) : at + 60]!r}"


def _asked(
    callers: tuple[Any, Any], hidden: Hidden, route: Route, names: dict[str, str], query: dict[str, str]
) -> tuple[int, bytes]:
    known = hidden.world.known | names
    filled = {name: value.format(**known) for name, value in query.items()}
    answer = read(callers, hidden, route, known, filled)
    return neutral(answer, names, address(hidden, route, known), filled)


# Deploying makes what does not exist; where it exists and is hidden, it is refused as unknown.
MAKES = {("PUT", "code-locations/<str:location>/"), ("POST", "/deploy/")}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/runs/": [
        {"assets": ["{key}"]},
        {"job": "{job}"},
        {"job": "{job}", "location": "{location}"},
        {"checks": ["{key}:canarycheck"]},
    ],
    "/backfills/": [{"assets": ["{key}"]}, {"job": "{job}"}, {"job": "{job}", "location": "{location}"}],
    "/backfills/preview/": [{"assets": ["{key}"]}, {"job": "{job}", "location": "{location}"}],
    "/bulk-actions/preview/": [{"kind": "cancel", "filter": {"asset": "{key}"}}],
    "/backfills/new": [{"assets": "{key}", "what": "all"}, {"location": "{location}", "job": "{job}", "what": "all"}],
    "/dynamic-partitions": [{"name": "{key}", "do": "add", "keys": "a"}],
    "/dynamic-partitions/keys/": [{"definition": "{key}", "keys": ["a"]}],
    "/asset-events/": [{"events": [{"type": kind, "asset": "{key}"}]} for kind in ("materialization", "observation")],
    "/asset-wipes/": [{"asset": "{key}"}, {"asset": "{key}", "partitions": ["a"]}],
    "/asset-health/": [{"asset": "{key}", "reason": "x"}],
    "/asset/acknowledge": [{"key": "{key}", "reason": "x"}],
    "/checks/run": [{"checks": "{key}:canarycheck"}],
    "/asset/report": [{"key": "{key}", "kind": "materialization"}],
    "/asset/wipe": [{"key": "{key}", "what": "all", "typed": "{key}"}],
    "/launchpad": [{"assets": "{key}"}, {"location": "{location}", "job": "{job}"}],
    "/launchpad/validate": [{"assets": ["{key}"]}, {"location": "{location}", "job": "{job}"}],
    "/jobs/<str:job>/validate/": [{"run_config": {}}, {"assets": ["{key}"]}],
    "/deploy/": [{"locations": [{"name": "{location}"}]}],
    "/code-location/reload": [{"name": "{location}"}],
    "/code-location/delete": [{"name": "{location}", "typed": "{location}"}],
}


def _sent(callers: tuple[Any, Any], path: str, route: Route, method: str, text: str) -> Any:
    api, browser = callers
    if KIND_OF[route.pattern] == Kind.PAGE and not route.pattern.endswith("validate"):
        return browser.post(path, json.loads(text))
    client = api if KIND_OF[route.pattern] == Kind.API else browser
    return client.generic(method, path, text, content_type="application/json")


def _filled(body: dict[str, Any], names: dict[str, str]) -> str:
    text = json.dumps(body)
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


@pytest.mark.parametrize("name", ["denies a group", "denies a tag", "has a selection", "has a location"])
def test_nothing_hidden_can_be_acted_upon(hidden, callers, name):
    let_through, different = [], []
    for route, method, body, parameters in _deeds(hidden):
        makes = any(method == m and route.pattern.endswith(ending) for m, ending in MAKES)
        answers = []
        for names in (parameters,) if makes else (parameters, guesses(parameters)):
            path = address(hidden, route, hidden.world.known | names)
            answer = _sent(callers[name], path, route, method, _filled(body, names))
            answers.append(neutral(answer, names, path, {}))
            if answer.status_code < 400 and not _says_no(answer):
                let_through.append((method, route.pattern, body, answer.status_code))
        if len(set(answers)) > 1:
            different.append(f"{method} {route.pattern} {body}: {_difference(answers[0][1], answers[1][1])}")

    assert let_through == []
    assert not different, "\n".join(different)


def _deeds(hidden: Hidden) -> Iterator[tuple[Route, str, dict[str, Any], dict[str, str]]]:
    """Everything that can be done to what is hidden: the route, the method, the body, and the names of it."""
    for parameters in hidden.hidden_parameters:
        for route, method in WRITTEN:
            for body in [b for ending, bs in BODIES.items() if route.pattern.endswith(ending) for b in bs] or [{}]:
                if _names_hidden(route, {"body": json.dumps(body)}, parameters):
                    yield route, method, body, parameters


def _says_no(answer: Any) -> bool:
    """The config editor is told in a document what is wrong, who asks what would become of many runs, that of none."""
    if answer.headers.get("Content-Type") != "application/json":
        return False
    document = answer.json()
    return not document.get("valid", True) or (document.get("total"), document.get("refused")) == (0, 0)


@pytest.mark.parametrize("name", ["denies a group", "has a selection"])
@pytest.mark.parametrize("deed", ["start", "stop", "reset", "tick", "test"])
def test_who_sees_a_part_of_what_a_schedule_runs_does_nothing_with_it(hidden, callers, name, deed):
    """What it runs and says is of all of its code location; a test would show it."""
    answer = callers[name][0].post(f"{hidden.cast.api_path()}schedules/mixed/blend/{deed}/", {}, format="json")

    assert answer.status_code == 403


@pytest.mark.parametrize("name", PEOPLE)
def test_streams_of_hidden_runs_do_not_exist(hidden, name):
    token = _token(hidden, hidden.people[name])

    def ask(run_id: Any) -> tuple[int, bytes]:
        request = RequestFactory().get("/live", headers={"Authorization": f"Bearer {token}"})

        async def opened() -> HttpResponseBase:
            return await stream.run_live(request, hidden.cast.org.slug, "prod", run_id)

        answer = asyncio.run(opened())
        return answer.status_code, b"" if answer.streaming else answer.content

    nowhere = ask(uuid7())

    assert nowhere[0] == 404
    assert {ask(hidden.runs[run]) for run in ("near", "far", "both", "ops", "checks")} == {nowhere}
    assert ask(hidden.known_to(name)["run_id"])[0] == 200
