"""The pages of branch deployments: the list, the first screen, a frozen commit, and materializing what changed."""

import re
from typing import Any

import pytest

from controlplane.deployments.models import BranchDeployment, BranchState
from controlplane.runs.models import Run
from tenants.audit.models import AuditEvent
from tenants.models import GrantScope, Role, TargetKind, User
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.delivery.changed_branches import Changed, make_branch, make_changed
from tests.factories import asset, make_manifest
from tests.tenants.people import deny, person


@pytest.fixture
def changed(cast: Cast) -> Changed:
    return make_changed(cast)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def state(changed: Changed, to: BranchState) -> None:
    with org_scope(changed.cast.org_id):
        rows = BranchDeployment.objects.for_org(changed.cast.org_id)
        rows.filter(deployment_id=changed.branch.deployment_id).update(state=to)


def runs_of(changed: Changed) -> list[Run]:
    with org_scope(changed.cast.org_id):
        return list(Run.objects.for_org(changed.cast.org_id).filter(deployment_id=changed.branch.deployment_id))


def test_first_screen_lists_what_the_branch_changes(changed: Changed) -> None:
    page = text(changed.page())

    words = re.findall(r"New in branch|Changed in branch|Removed in branch|Affected downstream", page)
    assert words[:5] == [
        "New in branch",
        "Changed in branch",
        "Removed in branch",
        "Affected downstream",
        "Affected downstream",
    ]
    assert "code version" in page
    assert "Materialize what changed" in page


def test_runs_are_brought_up_to_date_without_the_rest(changed: Changed) -> None:
    address = f"/{changed.cast.org.slug}/{changed.name}/"
    part = text(changed.cast.signed_in().get(address, headers={"HX-Request": "true", "HX-Target": "branch-runs"}))

    assert 'id="branch-runs" data-live="runs"' in part
    assert "Changed in branch" not in part


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (BranchState.SLEEPING, "pages are served from stored definitions"),
        (BranchState.ARCHIVED, "nothing runs in it"),
        (BranchState.HELD, "until somebody approves its commit"),
    ],
)
@pytest.mark.parametrize("path", ["", "assets", "runs"])
def test_every_page_says_how_the_branch_stands(changed: Changed, to: BranchState, words: str, path: str) -> None:
    state(changed, to)

    assert words in text(changed.page(path))


def test_opening_pages_wakes_nothing(changed: Changed) -> None:
    state(changed, BranchState.SLEEPING)
    for path in ("", "?tab=lineage", "?tab=results", "branch/materialize", "branch/lineage"):
        text(changed.page(path))

    with org_scope(changed.cast.org_id):
        row = BranchDeployment.objects.for_org(changed.cast.org_id).get(deployment_id=changed.branch.deployment_id)
    assert row.state == BranchState.SLEEPING


def test_buttons_of_the_head_do_what_they_say(changed: Changed) -> None:
    browser = changed.cast.signed_in()
    address = f"/{changed.cast.org.slug}/{changed.name}/branch/act"
    for do, becomes in (("sleep", BranchState.SLEEPING), ("wake", BranchState.ACTIVE)):
        assert browser.post(address, {"do": do}).status_code == 302
        with org_scope(changed.cast.org_id):
            row = BranchDeployment.objects.for_org(changed.cast.org_id).get(deployment_id=changed.branch.deployment_id)
        assert row.state == becomes
    for do, idle in (("keep-awake", None), ("let-sleep", 3600)):
        assert browser.post(address, {"do": do}).status_code == 302
        with org_scope(changed.cast.org_id):
            row = BranchDeployment.objects.for_org(changed.cast.org_id).get(deployment_id=changed.branch.deployment_id)
        assert row.sleep_after_seconds == idle
    assert browser.post(address, {"do": "dance"}).status_code == 400


def test_materializing_takes_two_clicks_and_is_recorded(changed: Changed) -> None:
    browser = changed.cast.signed_in()
    address = f"/{changed.cast.org.slug}/{changed.name}/branch/materialize"
    fields = dict(re.findall(r'name="(run-\d+)" value="([^"]+)"', text(browser.get(address))))

    answer = browser.post(address, fields)

    [run] = runs_of(changed)
    assert answer.status_code == 302
    assert str(run.id) in answer["Location"]
    assert sorted(run.asset_selection or []) == ["new", "raw"]
    with org_scope(changed.cast.org_id):
        assert AuditEvent.objects.for_org(changed.cast.org_id).filter(target_id=str(run.id)).exists()


def test_plan_that_is_not_what_was_looked_at_launches_nothing(changed: Changed) -> None:
    browser = changed.cast.signed_in()
    address = f"/{changed.cast.org.slug}/{changed.name}/branch/materialize"
    fields = dict(re.findall(r'name="(run-\d+)" value="([^"]+)"', text(browser.get(address))))
    changed.deploy(make_manifest([asset("surprise", code_version="9")]), sha="c" * 40)

    answer = browser.post(address, fields)

    assert answer.status_code == 400
    assert "deployed anew meanwhile" in answer.content.decode()
    assert runs_of(changed) == []


def test_who_may_not_launch_is_not_offered_it(changed: Changed) -> None:
    viewer = person(changed.cast, Role.VIEWER, scope=GrantScope.ORGANIZATION)

    assert "branch/materialize" not in text(changed.page(user=viewer))
    address = f"/{changed.cast.org.slug}/{changed.name}/branch/materialize"
    assert changed.cast.signed_in(viewer).post(address, {}).status_code == 403


def test_frozen_page_opens_by_a_short_sha_whatever_happened_since(changed: Changed) -> None:
    for number in range(10):
        changed.deploy(make_manifest([asset("raw", code_version="1")]), sha=f"{number}" * 40)
    state(changed, BranchState.ARCHIVED)
    browser = changed.cast.signed_in()
    at = f"/{changed.cast.org.slug}/d/{changed.name}"

    page = text(browser.get(f"{at}@bbbbbbb"))

    assert "New in branch" in page
    assert browser.get(at)["Location"] == f"/{changed.cast.org.slug}/{changed.name}/"
    assert browser.get(f"{at}@f00dfeed").status_code == 404
    assert browser.get(f"/{changed.cast.org.slug}/d/prod@bbbbbbb").status_code == 404


def test_lineage_of_the_changes_has_what_is_gone(changed: Changed) -> None:
    nodes = {node["key"]: node["change"] for node in changed.page("branch/lineage").json()["nodes"]}

    assert nodes["old"] == ["removed", "Removed in branch"]
    assert nodes["daily"] == ["affected", "Affected downstream"]


def test_who_may_not_enter_the_base_reads_why_nothing_is_compared(changed: Changed) -> None:
    terms = {"scope": GrantScope.BRANCHES_OF, "deployment_id": changed.cast.deployment.id}
    user = person(changed.cast, Role.EDITOR, **terms)

    page = text(changed.page(user=user))

    assert "people who may enter its base" in page
    assert "Changed in branch" not in page


@pytest.mark.parametrize("scope", [GrantScope.DEPLOYMENT, GrantScope.BRANCHES_OF])
def test_pages_hold_nothing_that_is_hidden_on_either_side(cast: Cast, scope: GrantScope) -> None:
    before = make_manifest([asset("raw", "canary_gone", code_version="1"), asset("canary_gone"), asset("low", "raw")])
    after = make_manifest([asset("raw", "canary_new", code_version="2"), asset("canary_new"), asset("low", "raw")])
    far = make_manifest([asset("canary_far", "raw")], location="canary_place")
    changed = make_changed(cast, before, after, others={"canary_place": far})
    user = person(cast, Role.EDITOR, scope=GrantScope.ORGANIZATION)
    hidden = {"scope": scope, "deployment_id": cast.deployment.id}
    deny(cast, user, target=TargetKind.SELECTION, target_value="key:canary*", **hidden)
    deny(cast, user, target=TargetKind.LOCATION, target_value="canary_place", **hidden)
    paths = ["", "?tab=lineage", "?tab=results", "branch/lineage", "branch/materialize?affected=1", "@"]

    def page(path: str, user: User | None = None) -> str:
        where = f"d/{changed.name}@bbbbbbb" if path == "@" else f"{changed.name}/{path}"
        return text(cast.signed_in(user).get(f"/{cast.org.slug}/{where}"))

    assert all(
        name in "".join(map(page, paths)) for name in ("canary_gone", "canary_new", "canary_far", "canary_place")
    )
    for path in paths:
        shown = page(path, user)
        assert "canary" not in shown, path
    assert "raw" in page("", user)


def test_list_is_filtered_and_leads_to_each_branch(cast: Cast) -> None:
    made = [make_branch(cast, number, title=f"Title {number}") for number in (1, 2, 3)]
    with org_scope(cast.org_id):
        rows = BranchDeployment.objects.for_org(cast.org_id)
        rows.filter(deployment_id=made[2].deployment_id).update(state=BranchState.ARCHIVED)
    browser, address = cast.signed_in(), f"/{cast.org.slug}/branches"

    def titles(query: str) -> list[str]:
        return sorted(re.findall(r'title="(Title \d)"', text(browser.get(f"{address}{query}"))))

    assert titles("") == ["Title 1", "Title 2"]
    assert titles("?state=all") == ["Title 1", "Title 2", "Title 3"]
    assert titles("?state=archived") == ["Title 3"]
    assert titles("?q=%232") == ["Title 2"]
    assert titles("?repository=other") == []


def test_list_without_branches_says_how_to_get_one(cast: Cast) -> None:
    page = text(cast.signed_in().get(f"/{cast.org.slug}/branches"))

    assert "No branch deployments yet" in page
    assert "daggerboard ci" in page


def test_list_shows_nobody_what_they_may_not_enter(changed: Changed) -> None:
    viewer = person(changed.cast, Role.VIEWER)

    page = text(changed.cast.signed_in(viewer).get(f"/{changed.cast.org.slug}/branches"))

    assert changed.name not in page
    counts = f"/{changed.cast.org.slug}/branches/{changed.name}/counts"
    assert changed.cast.signed_in(viewer).get(counts).status_code == 404
    assert "+1" in text(changed.cast.signed_in().get(counts))


def test_menu_does_not_list_two_hundred_branches(cast: Cast) -> None:
    for number in range(12):
        make_branch(cast, number + 1)

    page = text(cast.signed_in().get(f"/{cast.org.slug}/prod/assets"))

    assert len(re.findall(r'href="/[^"]+/pr-\d+/"', page)) == 8
    assert "All branch deployments" in page


def test_address_of_a_pull_request_that_is_a_script_is_no_link(cast: Cast) -> None:
    branch = make_branch(cast, 4, pull_request_url="javascript:alert(1)", branch_url="javascript:alert(2)")

    for path in (f"{branch.deployment.name}/", "branches"):
        assert "javascript:" not in text(cast.signed_in().get(f"/{cast.org.slug}/{path}"))
