"""Every refusal has the same form: `{"type", "errors": [{"code", "detail", "attr"}]}`, with the right status."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.callers import bearer, new_tenant


def refusal(response):
    document = response.json()
    (error,) = document["errors"]
    assert set(document) == {"type", "errors"}
    assert set(error) == {"code", "detail", "attr"}
    return response.status_code, document["type"], error["code"], error["attr"]


def test_anonymous_is_told_how_to_sign_in():
    answer = APIClient().get("/api/v1/organizations/")

    assert refusal(answer) == (401, "client_error", "not_authenticated", None)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["nonsense", "dgb_user_1_2_3", "dgb_user_" + "0" * 32 + "_ab_00000000", "\x00", "é"])
def test_malformed_token_is_refused(text):
    assert refusal(bearer(text).get("/api/v1/organizations/")) == (401, "client_error", "authentication_failed", None)


def test_unknown_address_is_a_json_404():
    alice = new_tenant()

    answer = alice.api.get("/api/v1/nothing/here")

    assert refusal(answer) == (404, "client_error", "not_found", None)


def test_conflict_has_code_and_status():
    alice = new_tenant()
    alice.api.post(f"{alice.path}deployments/", {"name": "prod"})

    answer = alice.api.post(f"{alice.path}deployments/", {"name": "prod"})

    assert refusal(answer)[:3] == (409, "client_error", "conflict")


def test_missing_field_is_named():
    alice = new_tenant()

    answer = alice.api.post(f"{alice.path}tokens/", {})

    assert refusal(answer) == (400, "validation_error", "required", "name")


@pytest.mark.parametrize("body", ["{", "[1]", '"x"', "null", '{"name": "\\u0000"}', '{"name": {"a": 1}}'])
def test_body_that_makes_no_sense_is_a_400(body):
    alice = new_tenant()

    answer = alice.api.post(f"{alice.path}tokens/", body, content_type="application/json")

    assert answer.status_code == 400


def test_other_content_types_are_refused():
    alice = new_tenant()

    answer = alice.api.post(f"{alice.path}tokens/", "<a/>", content_type="text/xml")

    assert refusal(answer)[0] == 415


def test_wrong_method_is_a_405():
    alice = new_tenant()

    assert refusal(alice.api.patch(f"{alice.path}tokens/", {})) == (405, "client_error", "method_not_allowed", None)


@pytest.mark.parametrize(
    "query",
    ["cursor=%00", "cursor=abc", "cursor=W10", "cursor=WyJ4Il0", "cursor=W1tdXQ", "limit=0", "limit=x", "limit=²"],
)
def test_page_that_makes_no_sense_is_a_400(query):
    alice = new_tenant()

    answer = alice.api.get(f"{alice.path}tokens/?{query}")

    assert refusal(answer)[:3] == (400, "validation_error", "invalid")


def test_session_without_csrf_token_is_refused():
    alice = new_tenant()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.owner)

    answer = browser.post(f"{alice.path}tokens/", {"name": "x"}, content_type="application/json")

    assert refusal(answer)[:2] == (403, "client_error")
