"""Schedules that run for a while only take what they asked for to the end; what was missed, tested and deployed meanwhile counts once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from controlplane.automation.instigators import reconciling
from controlplane.automation.models import Instigator
from controlplane.automation.ticks.by_hand import apply_preview, sign_preview
from controlplane.automation.ticks.firing import new_tick
from controlplane.core import recordsets
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.models import CodeLocation, Deployment
from controlplane.deployments.visibility import all_of
from tenants.scoping import org_scope
from tests.automation.test_instigators import post
from tests.automation.ticking import Stage, make_stage, minutes_ago, schedule
from tests.cast import Cast
from tests.waiting import eventually


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, schedule("minutely", "* * * * *", default_status="STOPPED"))


def fired_late(stage: Stage) -> None:
    """Three ticks or so, all asked together."""
    stage.due("minutely", minutes_ago(2).replace(second=0, microsecond=0))
    assert stage.fire("minutely") == 1


def test_all_ticks_of_a_timed_run_are_taken(stage: Stage) -> None:
    post(stage.cast, "schedules/shop/minutely/start/", {"ticks": 2})
    fired_late(stage)
    questions = stage.questions()
    assert (len(questions), stage.row("minutely").ticks_left) == (2, 0)
    for question in questions:
        stage.answer(question, {"requests": [{}]})
    assert stage.statuses("minutely") == ["SUCCESS", "SUCCESS"]
    assert not stage.row("minutely").is_running


def test_what_is_on_for_good_is_not_put_on_for_a_while(stage: Stage) -> None:
    post(stage.cast, "schedules/shop/minutely/start/", {"minutes": 5})
    post(stage.cast, "schedules/shop/minutely/start/", {"minutes": 10})
    post(stage.cast, "schedules/shop/minutely/start/")

    refused = post(stage.cast, "schedules/shop/minutely/start/", {"ticks": 1}, expect=409)

    assert "already on" in refused["errors"][0]["detail"]
    row = stage.row("minutely")
    assert (row.is_running, row.runs_until, row.ticks_left) == (True, None, None)


def test_answers_that_come_together_end_a_timed_run(stage: Stage) -> None:
    post(stage.cast, "schedules/shop/minutely/start/", {"ticks": 2})
    fired_late(stage)
    stage.answer_together({question: {} for question in stage.questions()})
    assert stage.statuses("minutely") == ["SKIPPED", "SKIPPED"]
    stage.due("minutely")
    stage.fire("minutely")
    assert not stage.row("minutely").is_running


def test_ticks_that_are_open_when_the_minutes_are_over_are_taken(stage: Stage) -> None:
    post(stage.cast, "schedules/shop/minutely/start/", {"minutes": 30})
    fired_late(stage)
    stage.due("minutely", runs_until=minutes_ago(1 / 60))
    stage.fire("minutely")
    for question in stage.questions():
        stage.answer(question, {"requests": [{}]})
    assert set(stage.statuses("minutely")) == {"SUCCESS"}
    assert not stage.row("minutely").is_running


def test_what_was_missed_is_forgotten_when_it_starts_anew(stage: Stage) -> None:
    stage.due("minutely", missed_from=minutes_ago(60), is_running=False)
    stage.follow()
    post(stage.cast, "schedules/shop/minutely/start/")
    row = stage.row("minutely")
    assert (row.is_running, row.missed_from) == (True, None)


def test_a_test_of_another_time_is_applied_as_of_that_time(stage: Stage) -> None:
    cast, row = stage.cast, stage.row("minutely")
    due = minutes_ago(600).replace(second=0, microsecond=0)
    with org_scope(cast.org_id):
        version = CodeLocation.objects.for_org(cast.org_id).get(name="shop").current_id
        # That of the clock.
        new_tick(row, due, due).save()
    assert version is not None
    result = {"requests": [{}]}
    token = sign_preview(row.id, version, at=minutes_ago(0), cursor=None, result=result, due=due)
    tick = apply_preview(all_of(cast.org_id, cast.deployment.id), token, actor=cast.actor)
    assert (tick.due_at, tick.status) == (due, "SUCCESS")


def test_definitions_that_come_while_others_are_followed_win(stage: Stage) -> None:
    cast = stage.cast
    with org_scope(cast.org_id):
        older = CodeLocation.objects.for_org(cast.org_id).get(name="shop").current_id
    stage.deploy(schedule("newer"))

    def serve(version: object) -> None:
        CodeLocation.objects.for_org(cast.org_id).filter(name="shop").update(current_id=version)

    with org_scope(cast.org_id):
        newer = CodeLocation.objects.for_org(cast.org_id).get(name="shop").current_id
        serve(older)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with org_scope(cast.org_id):
            Deployment.objects.for_org(cast.org_id).select_for_update().get(id=cast.deployment.id)
            held.set()
            assert go_on.wait(200)
            serve(newer)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(with_connections_returned, hold)
        assert held.wait(200)
        ids = {"org_id": cast.org_id, "deployment_id": cast.deployment.id}
        following = pool.submit(with_connections_returned, lambda: reconciling.reconcile(**ids))
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%%\"deployment\"%%FOR NO KEY%%'"
        )
        eventually(lambda: recordsets.fetch(waiting), bool)
        go_on.set()
        holding.result(200)
        following.result(200)
    assert [stage.row(name).is_defined for name in ("newer", "minutely")] == [True, False]
    assert isinstance(stage.row("newer"), Instigator)
