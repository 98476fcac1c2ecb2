"""Promotions: deployed, loaded, tried, taken back; each effect once, wherever the worker was killed."""

from contextlib import suppress

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from controlplane.delivery.promotions import sweep as promotion_sweep
from controlplane.delivery.promotions.services import go_on, promote, roll_back
from controlplane.deployments import protecting
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.freezing import DeploymentFrozenError, freeze
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import CodeLocation, LocationVersion, Promotion, PromotionState
from controlplane.deployments.services import create_deployment
from controlplane.runs.models import Run
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import GrantScope, Role
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.terms import GrantTerms
from tenants.scoping import org_scope
from tests.cast import make_member
from tests.delivery.test_deployment_deletion import Killed, killed_at
from tests.environment.variables import make_branch
from tests.factories import deploy, load, loaded_report, make_location, make_manifest

SMOKE = {"location": "shop", "job": "nightly"}


@pytest.fixture
def staging(cast):
    """Staging serves shop:2 and docs:1, prod shop:1 alone."""
    create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    there = cast.at("staging")
    make_location(there, "shop", deployed={"image": "shop:2"})
    make_location(there, "docs", deployed={"image": "docs:1"})
    make_location(cast, "shop", deployed={"image": "shop:1"})
    return there


def begin(cast, staging, **fields):
    given = {"locations": None, "actor": cast.actor, **fields}
    return promote(org_id=cast.org_id, source=staging.deployment, target=cast.deployment, **given)


def step(cast, promotion):
    """As the clock would, and what it came to."""
    with org_scope(cast.org_id):
        Promotion.objects.for_org(cast.org_id).filter(due_at__isnull=False).update(due_at=timezone.now())
    go_on(org_id=cast.org_id, promotion_id=promotion.id)
    return row(cast, promotion)


def row(cast, promotion):
    with org_scope(cast.org_id):
        return Promotion.objects.for_org(cast.org_id).get(id=promotion.id)


def deployed(cast):
    """Image, and number of its version, by code location."""
    with org_scope(cast.org_id):
        rows = CodeLocation.objects.for_org(cast.org_id).filter(deployment_id=cast.deployment.id)
        return {found.name: (found.desired.image, found.desired.number) for found in rows.select_related("desired")}


def all_load(cast, promotion):
    with org_scope(cast.org_id):
        ids = [place["version"] for place in row(cast, promotion).locations.values()]
        versions = list(LocationVersion.objects.for_org(cast.org_id).filter(id__in=ids).select_related("location"))
    for version in versions:
        load(cast, version, make_manifest(location=version.location.name))


def fails_to_load(cast, promotion, name="shop"):
    version_id = row(cast, promotion).locations[name]["version"]
    report = loaded_report("01900000-0000-7000-8000-000000000001", version_id, None)
    failed = type(report)(agent_id=report.agent_id, version_id=version_id, state="failed", load_seconds=1)
    record_load(org_id=cast.org_id, version_id=version_id, report=failed, loaded_elsewhere=False)


def ends_smoke(cast, promotion, status):
    with org_scope(cast.org_id):
        Run.objects.for_org(cast.org_id).filter(id=row(cast, promotion).smoke_run_id).update(status=status)


def protect(cast, **checks):
    document = {"checks": checks}
    protecting.set_protection(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)


def test_what_serves_there_is_deployed_here_and_succeeds_once_it_has_loaded(cast, staging):
    promotion = begin(cast, staging)
    assert step(cast, promotion).state == PromotionState.LOADING
    assert deployed(cast) == {"shop": ("shop:2", 2), "docs": ("docs:1", 1)}
    assert step(cast, promotion).state == PromotionState.LOADING

    all_load(cast, promotion)
    ended = step(cast, promotion)

    assert (ended.state, ended.due_at) == (PromotionState.SUCCEEDED, None)
    with org_scope(cast.org_id):
        version = LocationVersion.objects.for_org(cast.org_id).get(id=ended.locations["shop"]["version"])
        assert str(version.promoted_from_id) == ended.locations["shop"]["from"]
        actions = AuditEvent.objects.for_org(cast.org_id).filter(action__startswith="promotion").order_by("id")
        assert [(event.action, event.result) for event in actions] == [
            ("promotion.start", "success"),
            ("promotion.end", "success"),
        ]


def test_what_is_the_same_is_left_alone_and_nothing_to_do_is_said(cast, staging):
    all_of = begin(cast, staging, locations=["shop"])
    step(cast, all_of)
    all_load(cast, all_of)
    assert step(cast, all_of).state == PromotionState.SUCCEEDED

    again = begin(cast, staging)
    assert list(again.locations) == ["docs"]
    step(cast, again)
    all_load(cast, again)
    step(cast, again)
    with pytest.raises(ConflictError, match="nothing to promote"):
        begin(cast, staging)


def test_one_at_a_time_into_one_deployment(cast, staging):
    begin(cast, staging, locations=["docs"])
    with pytest.raises(ConflictError, match="under way"):
        begin(cast, staging, locations=["shop"])


def test_what_cannot_be_promoted(cast, staging):
    with pytest.raises(NotFoundError, match="no code location nope"):
        begin(cast, staging, locations=["nope"])
    deploy(staging, "new", image="new:1")
    with pytest.raises(ConflictError, match="Nothing of new has loaded"):
        begin(cast, staging, locations=["new"])
    with pytest.raises(InvalidError):
        promote(org_id=cast.org_id, source=cast.deployment, target=make_branch(cast), locations=None, actor=cast.actor)


def test_a_branch_is_promoted_too(cast):
    make_branch(cast, "pr-7")
    branch = cast.at("pr-7")
    make_location(branch, "shop", deployed={"image": "shop:7"})

    promotion = begin(cast, branch)
    step(cast, promotion)

    assert deployed(cast) == {"shop": ("shop:7", 1)}


@pytest.mark.parametrize("rollback", ["manual", "automatic"])
def test_a_failed_load_is_said_and_taken_back_when_the_rules_say_so(cast, staging, rollback):
    protect(cast, rollback=rollback)
    promotion = begin(cast, staging)
    step(cast, promotion)
    fails_to_load(cast, promotion)

    ended = step(cast, promotion)

    assert "Version 2 of shop failed to load" in ended.message
    if rollback == "manual":
        assert (ended.state, deployed(cast)["shop"]) == (PromotionState.FAILED, ("shop:2", 2))
    else:
        assert (ended.state, deployed(cast)) == (PromotionState.ROLLED_BACK, {"shop": ("shop:1", 3)})


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCELED"])
def test_the_smoke_job_decides(cast, staging, status):
    protect(cast, rollback="automatic", smoke_job=SMOKE)
    promotion = begin(cast, staging)
    step(cast, promotion)
    all_load(cast, promotion)
    assert step(cast, promotion).state == PromotionState.SMOKE
    run_id = step(cast, promotion).smoke_run_id
    with org_scope(cast.org_id):
        run = Run.objects.for_org(cast.org_id).get(id=run_id)
        assert (run.job_name, run.tags["daggerboard/promotion"]) == ("nightly", str(promotion.id))
        assert str(run.version_id) == row(cast, promotion).locations["shop"]["version"]
    ends_smoke(cast, promotion, status)

    ended = step(cast, promotion)

    wanted = PromotionState.SUCCEEDED if status == "SUCCESS" else PromotionState.ROLLED_BACK
    assert ended.state == wanted
    assert (status in ended.message) == (status != "SUCCESS")
    assert deployed(cast)["shop"][0] == ("shop:2" if status == "SUCCESS" else "shop:1")
    assert ("docs" in deployed(cast)) == (status == "SUCCESS")


def test_a_smoke_job_that_is_not_there_fails_it(cast, staging):
    protect(cast, rollback="automatic", smoke_job={"location": "shop", "job": "nope"})
    promotion = begin(cast, staging)
    step(cast, promotion)
    all_load(cast, promotion)
    step(cast, promotion)

    ended = step(cast, promotion)

    assert (ended.state, deployed(cast)["shop"][0]) == (PromotionState.ROLLED_BACK, "shop:1")
    assert "could not be launched" in ended.message


def test_a_deploy_in_between_ends_it_and_is_not_taken_back(cast, staging):
    protect(cast, rollback="automatic")
    promotion = begin(cast, staging)
    step(cast, promotion)
    deploy(cast, "shop", image="shop:9")

    ended = step(cast, promotion)

    assert (ended.state, deployed(cast)["shop"][0]) == (PromotionState.FAILED, "shop:9")


def test_one_click_takes_the_newest_back(cast, staging):
    promotion = begin(cast, staging)
    step(cast, promotion)
    all_load(cast, promotion)
    step(cast, promotion)

    roll_back(org_id=cast.org_id, promotion_id=promotion.id, actor=cast.actor)
    ended = step(cast, promotion)

    assert (ended.state, deployed(cast)) == (PromotionState.ROLLED_BACK, {"shop": ("shop:1", 3)})
    with pytest.raises(ConflictError):
        roll_back(org_id=cast.org_id, promotion_id=promotion.id, actor=cast.actor)


def test_nothing_is_promoted_into_a_frozen_deployment(cast, staging):
    promotion = begin(cast, staging)
    freeze(org_id=cast.org_id, deployment_id=cast.deployment.id, reason="Quarter end", actor=cast.actor)
    ended = step(cast, promotion)

    assert (ended.state, deployed(cast)) == (PromotionState.FAILED, {"shop": ("shop:1", 1)})
    assert "Quarter end" in ended.message
    with pytest.raises(DeploymentFrozenError):
        begin(cast, staging)


def test_whoever_may_not_enter_the_source_does_not_learn_its_name(cast, staging):
    promotion = begin(cast, staging)
    terms = GrantTerms(scope=GrantScope.DEPLOYMENT, role=Role.VIEWER, deployment_id=cast.deployment.id)
    somebody = make_member(cast.org, f"prod-only@{cast.org.slug}.example")
    store_grant(org_id=cast.org_id, actor=cast.actor, holder=Holder(HolderKind.USER, somebody.pk), terms=terms)

    [seen] = cast.api(somebody).get(cast.api_path("promotions/")).json()["results"]
    page = cast.signed_in(somebody).get(f"/{cast.org.slug}/prod/promotions/{promotion.id}").content.decode()

    assert seen["source_name"] == "another deployment"
    assert "another deployment into prod" in page
    assert "staging" not in page
    assert cast.api(somebody).get(cast.api_path("promotions/preview/?from=staging")).status_code == 404


def test_what_no_agent_loads_fails_in_the_end(cast, staging):
    promotion = begin(cast, staging)
    step(cast, promotion)
    with override_settings(PROMOTION_LOAD_SECONDS=0):
        assert step(cast, promotion).state == PromotionState.FAILED


@pytest.mark.parametrize("ends", ["SUCCESS", "FAILURE"])
def test_a_worker_killed_before_any_statement_does_everything_once(cast, staging, ends):
    """For every n, the worker that goes on dies before its n-th statement, and the next one goes on."""
    protect(cast, rollback="automatic", smoke_job=SMOKE)
    promotion = begin(cast, staging)
    kills = 0
    for number in range(1, 400):
        with org_scope(cast.org_id):
            Promotion.objects.for_org(cast.org_id).filter(due_at__isnull=False).update(due_at=timezone.now())
        finished = False
        with suppress(Killed), connection.execute_wrapper(killed_at(number)):
            go_on(org_id=cast.org_id, promotion_id=promotion.id)
            finished = True
        kills += not finished
        now = row(cast, promotion)
        if now.state == PromotionState.LOADING and finished:
            all_load(cast, promotion)
        elif now.state == PromotionState.SMOKE and now.smoke_run_id:
            ends_smoke(cast, promotion, ends)
        elif now.ended_at is not None:
            break

    back = ends == "FAILURE"
    assert kills > 20
    assert row(cast, promotion).state == (PromotionState.ROLLED_BACK if back else PromotionState.SUCCEEDED)
    assert deployed(cast)["shop"] == (("shop:1", 3) if back else ("shop:2", 2))
    with org_scope(cast.org_id):
        assert Run.objects.for_org(cast.org_id).count() == 1
        events = AuditEvent.objects.for_org(cast.org_id)
        assert events.filter(action="code_location.promote").count() == 2
        assert events.filter(action="promotion.end").count() == 1


def test_it_is_asked_for_and_watched_over_rest(cast, staging):
    api, path = cast.api(), cast.api_path("promotions/")
    preview = api.get(f"{path}preview/?from=staging").json()
    assert [(line["name"], line["state"], line["definitions"]["added"]) for line in preview] == [
        ("docs", "new", 5),
        ("shop", "changed", 0),
    ]
    made = api.post(path, {"deployment": "staging", "locations": ["shop"]}, content_type="application/json")
    assert (made.status_code, made.json()["state"]) == (201, "queued")

    promotion_sweep.sweep()

    assert api.get(f"{path}{made.json()['id']}/").json()["state"] == "loading"
    [listed] = api.get(path).json()["results"]
    assert listed["id"] == made.json()["id"]
    assert cast.api(cast.viewer).post(path, {"deployment": "staging"}).status_code == 403
    back = api.post(f"{path}{made.json()['id']}/rollback/")
    assert (back.status_code, back.json()["state"]) == (200, "rolling_back")


def test_branch_of_a_fork_is_not_promoted(cast):
    facts = BranchFacts(repository="acme/shop", branch="idea", pull_request=9, is_fork=True)
    branch = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)
    fork = cast.at(branch.deployment.name)
    make_location(fork, "shop", deployed={"image": "shop:evil"})

    with pytest.raises(ConflictError, match="strangers wrote its code"):
        begin(cast, fork)
    asked = cast.api().post(
        cast.api_path("promotions/"), {"deployment": fork.deployment.name}, content_type="application/json"
    )
    assert asked.status_code == 409
    assert deployed(cast) == {}


def test_only_the_version_that_was_compared_is_promoted(cast, staging):
    where = cast.api_path("promotions/")
    lines = cast.api().get(where + "preview/?from=staging").json()
    seen = {line["name"]: line["version"]["id"] for line in lines}
    load(staging, deploy(staging, "shop", image="shop:3"), make_manifest())

    wanted = {"deployment": "staging", "locations": ["shop"], "versions": seen}
    late = cast.api().post(where, wanted, content_type="application/json")
    on_page = cast.signed_in().post(
        f"/{cast.org.slug}/prod/promotions",
        {"from": "staging", "location": ["shop"], "seen": [f"{seen['shop']} shop", f"{seen['docs']} docs"]},
    )

    assert (late.status_code, on_page.status_code) == (409, 409)
    assert "version 2 by now" in str(late.json())
    assert deployed(cast)["shop"][0] == "shop:1"
    wanted["versions"] = {"docs": seen["docs"]}
    unchanged = cast.api().post(where, {**wanted, "locations": ["docs"]}, content_type="application/json")
    assert unchanged.status_code == 201


def test_who_may_only_read_the_source_does_not_get_its_code_by_promoting(cast, staging):
    somebody = make_member(cast.org, f"reads-staging@{cast.org.slug}.example")
    for there, role in ((cast, Role.ADMIN), (staging, Role.VIEWER)):
        terms = GrantTerms(scope=GrantScope.DEPLOYMENT, role=role, deployment_id=there.deployment.id)
        store_grant(org_id=cast.org_id, actor=cast.actor, holder=Holder(HolderKind.USER, somebody.pk), terms=terms)

    asked = cast.api(somebody).post(
        cast.api_path("promotions/"), {"deployment": "staging", "locations": ["shop"]}, content_type="application/json"
    )

    assert asked.status_code == 403
    assert deployed(cast) == {"shop": ("shop:1", 1)}
