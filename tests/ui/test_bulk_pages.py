"""The same to many runs, on the pages: chosen, confirmed with what will change, done, and what was left said."""

import re
from typing import Any

import pytest

from controlplane.runs import bulk_actions
from controlplane.runs.models import BulkAction
from tenants.ids import uuid7
from tenants.models import Role, TokenKind
from tenants.people.roles import RoleTerms, create_role
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.callers import bearer, signed_in
from tests.runs.scripts import Stage, make_stage
from tests.runs.test_retries import failing
from tests.tenants.people import access_of, hold, of, person


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def page(stage: Stage, path: str) -> str:
    return f"/{stage.cast.org.slug}/prod/{path}"


def form(text: str) -> dict[str, list[str]]:
    """The hidden fields of the confirmation, as a browser would send them."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text):
        if name != "csrfmiddlewaretoken":
            found.setdefault(name, []).append(value.replace("&amp;", "&"))
    return found


def body(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def the_action(stage: Stage) -> BulkAction:
    with org_scope(stage.org_id):
        return BulkAction.objects.for_org(stage.org_id).get()


def test_all_of_a_filter_is_confirmed_by_number_and_done(stage: Stage) -> None:
    over = failing(stage, "raw", assets=["raw"], tags={"team": "a"})
    waiting = [stage.request(tags={"team": "a"}).id for _ in range(2)]
    other = stage.request(tags={"team": "b"}).id
    browser = stage.cast.signed_in()
    listed = body(browser.get(page(stage, "runs?tag=team%3Da")))
    assert "All 3 of this filter" in listed
    assert f'name="run" value="{over.run_id}"' in listed
    asked = body(browser.get(page(stage, "runs/bulk"), {"kind": "cancel", "all": "1", "query": "tag=team%3Da"}))
    assert "Cancel: 3 runs" in asked
    assert "2 runs will be cancelled" in asked
    assert "1 run that ended already will be left" in asked
    # What is made after somebody looked is not meant.
    later = stage.request(tags={"team": "a"}).id
    answer = browser.post(page(stage, "runs/bulk"), form(asked))
    action = the_action(stage)
    assert answer.url == page(stage, f"runs/bulk/{action.id}")
    assert "Going on" in body(browser.get(answer.url))
    assert "goes on" in body(browser.get(page(stage, "runs")))
    bulk_actions.go_on(stage.org_id, action.id)
    done = body(browser.get(answer.url))
    assert "3 of 3 dealt with: 2 done, 1 left as they were" in done
    assert "The run has already ended, with FAILURE." in done
    assert {str(stage.run(run_id).status) for run_id in waiting} == {"CANCELED"}
    assert {str(stage.run(run_id).status) for run_id in (other, later)} == {"QUEUED"}


def test_chosen_runs_only_and_more_than_confirmed_is_asked_again(stage: Stage) -> None:
    runs = [stage.request().id for _ in range(3)]
    browser = stage.cast.signed_in()
    asked = body(browser.get(page(stage, "runs/bulk"), {"kind": "cancel", "run": [str(runs[0]), str(runs[2])]}))
    fields = form(asked)
    assert "Cancel: 2 runs" in asked
    assert "more runs than were confirmed" in body(browser.post(page(stage, "runs/bulk"), {**fields, "total": "1"}))
    assert browser.post(page(stage, "runs/bulk"), fields).status_code == 302
    bulk_actions.go_on(stage.org_id, the_action(stage).id)
    assert [str(stage.run(run_id).status) for run_id in runs] == ["CANCELED", "QUEUED", "CANCELED"]


def test_who_may_only_launch_runs_again_and_cancels_nothing(stage: Stage) -> None:
    over = failing(stage, "raw", assets=["raw"])
    terms = RoleTerms(name=f"role {uuid7().hex}", permissions=("run:read", "run:launch"))
    role = create_role(access=access_of(stage.cast, stage.cast.owner), terms=terms)
    launcher = person(stage.cast)
    hold(stage.cast, of(launcher), custom_role_id=role.id)
    text = issue_token(org_id=stage.org_id, kind=TokenKind.USER, name="t", user=launcher, actor=stage.cast.actor).text
    address = f"/api/v1/organizations/{stage.cast.org.slug}/deployments/prod/bulk-actions/"
    kinds = {"reexecute": 201, "cancel": 403, "delete": 403}
    for kind, status in kinds.items():
        asked = {"kind": kind, "runs": [str(over.run_id)]}
        assert bearer(text).post(address, asked, content_type="application/json").status_code == status, kind
    listed = body(signed_in(launcher).get(page(stage, "runs")))
    assert 'value="reexecute"' in listed
    assert 'value="cancel"' not in listed


def test_each_kind_needs_its_own_right_and_bad_input_is_refused(stage: Stage) -> None:
    run = stage.request()
    viewer = signed_in(person(stage.cast, Role.VIEWER))
    assert "data-selection" not in body(viewer.get(page(stage, "runs")))
    assert viewer.get(page(stage, "runs/bulk?kind=delete&all=1")).status_code == 403
    browser = stage.cast.signed_in()
    assert browser.get(page(stage, "runs/bulk?kind=paint&all=1")).status_code == 400
    assert browser.get(page(stage, "runs/bulk?kind=cancel&run=x")).status_code == 400
    assert "No run to do this to" in body(browser.get(page(stage, "runs/bulk?kind=cancel")))
    assert stage.run(run.id).status == "QUEUED"
