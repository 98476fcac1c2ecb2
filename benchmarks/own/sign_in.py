"""Signing in with a password, as a browser does: the form's answer, argon2 and the new session included."""

import re
import time

import httpx

from benchmarks.measuring import Values
from benchmarks.own.inside import run_inside
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation

# The limit is thirty attempts a minute from one address.
SIGN_INS = 28
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def sign_in(installation: Installation) -> Values:
    """From sending the form to the answer that sets the session, each in a browser of its own."""
    person = _person(installation)
    samples = [_once(installation.url, person) for _ in range(SIGN_INS)]
    say(f"Daggerboard: signed in after {spread(samples)} ms")
    return {"sign_in_p95_ms": percentile(samples, 95)}


def _once(url: str, person: dict[str, str]) -> float:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        found = _TOKEN.search(http.get("/sign-in").text)
        if found is None:
            raise MeasureError("The page of sign-in has no form.")
        form = {"login": person["email"], "password": person["password"], "csrfmiddlewaretoken": found[1]}
        began = time.perf_counter()
        answer = http.post("/sign-in", data=form)
        took = time.perf_counter() - began
        if answer.status_code != httpx.codes.FOUND or "daggerboard_session" not in answer.cookies:
            raise MeasureError(f"Signing in was answered with {answer.status_code}.")
    return took * 1000


def _person(installation: Installation) -> dict[str, str]:
    person: dict[str, str] = run_inside(installation, "person")
    return person
