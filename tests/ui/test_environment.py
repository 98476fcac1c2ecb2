"""The pages of environment variables."""

import pytest

from tests import factories
from tests.environment.test_branches import open_branch
from tests.environment.variables import BRANCHES, FULL, LOCAL, set_variable

CANARY = "canary-9d0e"


def page(cast, path="", deployment="prod"):
    return f"/{cast.org.slug}/{deployment}/environment{path}"


def text(response):
    return response.content.decode()


def test_list_shows_names_and_scopes_and_no_value(cast):
    set_variable(cast, "DB_PASSWORD", CANARY, FULL, ["shop"])
    set_variable(cast, "API_KEY", CANARY, LOCAL)

    shown = text(cast.signed_in().get(page(cast)))

    assert CANARY not in shown
    assert "DB_PASSWORD" in shown
    assert "full deployment" in shown
    assert "API_KEY" not in text(
        cast.signed_in().get(page(cast, "?q=db"), headers={"HX-Request": "true", "HX-Target": "variable-list"})
    )


def test_empty_page_says_what_to_do(cast):
    assert "daggerboard env push" in text(cast.signed_in().get(page(cast)))


def test_variable_is_added_shown_changed_and_deleted(cast):
    browser = cast.signed_in()
    typed = {"name": "X", "kind": "value", "value": f"{CANARY}\r\ntwo", "full": "1", "masked": "1"}
    assert browser.post(page(cast, "/new"), typed).status_code == 302
    made = cast.api().get(cast.api_path("environment/")).json()["results"][0]
    one = page(cast, f"/{made['id']}")

    revealed = browser.post(f"{one}/reveal")
    assert (f"{CANARY}\ntwo" in text(revealed), revealed["Cache-Control"]) == (True, "no-store")
    part = browser.post(f"{one}/reveal", headers={"HX-Request": "true"})
    assert "<main" not in text(part)
    assert CANARY not in text(browser.get(one))

    changed = {"name": "X", "kind": "reference", "store": "vault", "reference": "secret/db#password", "local": "1"}
    assert browser.post(one, changed).status_code == 302
    assert "secret/db#password" in text(browser.get(page(cast)))
    assert browser.post(f"{one}/delete").status_code == 302
    assert browser.get(one).status_code == 404


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"name": "1X", "kind": "value", "value": CANARY, "full": "1"}, "no name of a variable"),
        ({"name": "X", "kind": "value", "value": CANARY}, "at least one scope"),
        ({"name": "X", "kind": "reference", "store": "vault", "reference": "x", "full": "1"}, "It looks like"),
        ({"name": "X", "kind": "value", "value": CANARY, "full": "1", "branch": "nonsense"}, "no such branch"),
    ],
)
def test_error_is_shown_with_what_was_typed_but_the_value(cast, typed, says):
    answer = cast.signed_in().post(page(cast, "/new"), typed)

    assert answer.status_code == 400
    assert says in text(answer)
    assert CANARY not in text(answer)


def test_import_shows_what_it_would_do_and_then_does_it(cast):
    set_variable(cast, "OLD", "1", LOCAL)
    browser, file = cast.signed_in(), {"text": "OLD=2\nNEW=3\n", "local": "1"}

    looked = browser.post(page(cast, "/import"), file)
    assert "Gets a new value" in text(looked)
    assert "Import 2 variables" in text(looked)
    assert browser.post(page(cast, "/import"), {**file, "confirm": "1"}).status_code == 302

    exported = browser.post(page(cast, "/export"))
    assert (text(exported), exported["Cache-Control"]) == ("NEW=3\nOLD=2\n", "no-store")


def test_import_with_an_error_offers_no_import(cast):
    answer = cast.signed_in().post(page(cast, "/import"), {"text": "GOOD=1\nBAD LINE\n", "local": "1", "confirm": "1"})

    assert "1 line cannot be imported" in text(answer)
    assert 'name="confirm"' not in text(answer)


def test_effective_page_names_the_source(cast):
    factories.make_location(cast, "shop")
    set_variable(cast, "X", CANARY, FULL)
    set_variable(cast, "X", CANARY, FULL, ["shop"])

    shown = text(cast.signed_in(cast.viewer).get(page(cast, "/effective?location=shop")))

    assert "full deployment, for shop" in shown
    assert "one for all code locations" in shown
    assert "set by Daggerboard" in shown
    assert CANARY not in shown


def test_branch_page_shows_what_is_inherited_and_what_the_branch_changes(cast):
    branch = open_branch(cast)
    inherited = set_variable(cast, "X", CANARY, BRANCHES)
    set_variable(cast, "PROD_ONLY", CANARY, FULL)
    browser = cast.signed_in()

    before = text(browser.get(page(cast, deployment=branch.name)))
    assert ("PROD_ONLY" in before, "inherited" in before) == (False, True)
    one = text(browser.get(page(cast, f"/{inherited.id}", deployment=branch.name)))
    assert "changed in the full deployment" in one
    assert "<textarea" not in one
    typed = {"name": "X", "kind": "value", "value": CANARY, "full": "1", "masked": "1"}
    assert browser.post(page(cast, "/new", deployment=branch.name), typed).status_code == 302

    after = text(browser.get(page(cast, deployment=branch.name)))
    assert "in place of that for all branch deployments" in after
    assert CANARY not in after
    assert "this branch" not in text(browser.get(page(cast)))


def test_branch_of_a_fork_is_said_to_get_nothing(cast):
    branch = open_branch(cast, is_fork=True)
    set_variable(cast, "X", CANARY, BRANCHES)
    browser = cast.signed_in()

    shown = text(browser.get(page(cast, deployment=branch.name)))
    typed = {"name": "Y", "kind": "value", "value": CANARY}
    refused = browser.post(page(cast, "/new", deployment=branch.name), typed)

    assert ("it gets no variables" in shown, "Add a variable" in shown) == (True, False)
    assert (refused.status_code, "code of strangers gets no variables" in text(refused)) == (400, True)


def test_viewer_is_offered_nothing_that_is_refused(cast):
    made = set_variable(cast, "X", CANARY)
    browser = cast.signed_in(cast.viewer)

    shown = text(browser.get(page(cast)))
    assert not any(word in shown for word in ("Add a variable", "Import .env", "Download local", ">Show<"))
    assert browser.post(page(cast, f"/{made.id}/reveal")).status_code == 403
    assert browser.get(page(cast, "/new")).status_code == 403
