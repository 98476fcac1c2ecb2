"""One evaluation from end to end: what changed is evaluated, what it requests is launched once, and what failed failed alone."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from controlplane.automation.conditions import attempts, launching, services
from controlplane.automation.models import ConditionEvaluator, RequestedRun
from controlplane.catalog import changes
from controlplane.catalog.models import AssetState, FreshnessState
from controlplane.core import recordsets
from controlplane.deployments import freezing
from controlplane.evaluator.renewing import renewed
from tenants.scoping import org_scope
from tests.automation.looking import look_at_definitions, look_for_changes
from tests.automation.stage import Stage
from tests.cast import Cast
from tests.catalog.sweeping import sweep_freshness
from tests.threads import with_connections_returned
from tests.waiting import eventually

AC = dg.AutomationCondition


def asset(name: str, *deps: str, on: dg.AutomationCondition | None = None, **given: object) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps), automation_condition=on, **given)
    def made() -> None: ...

    return made


@pytest.fixture
def stage(cast: Cast) -> Stage:
    """`up`, and in another location `down` and `below`, which are eager."""
    stage = Stage(cast)
    stage.load("first", dg.Definitions([asset("up")]))
    stage.load("second", dg.Definitions([asset("down", "up", on=AC.eager()), asset("below", "down", on=AC.eager())]))
    stage.settle()
    return stage


def test_an_update_in_one_location_requests_what_follows_in_another(stage: Stage) -> None:
    assert stage.requested == []
    stage.made("up")
    assert stage.evaluate() == 1
    assert stage.requested == [(("below", "down"), None)]
    tags = stage.runs[0].tags
    assert tags["dagster/from_automation_condition"] == "true"
    assert tags["dagster/asset_evaluation_id"] == str(stage.evaluator.number)
    assert tags["dagster/sensor_name"] == "default_automation_condition_sensor"
    newest = stage.history("down")[0]
    assert (newest.requested, newest.tree["status"], newest.partitions) == (1, "TRUE", None)
    assert {child["status"] for child in newest.tree["children"]} == {"TRUE"}
    stage.settle()
    assert len(stage.runs) == 1


def test_only_what_can_have_changed_is_evaluated(stage: Stage) -> None:
    before = {entity: state.number for entity, state in stage.states().items()}
    assert before.keys() == {"down", "below"}
    assert stage.evaluator.next_due_at is None
    stage.evaluate()
    assert {entity: state.number for entity, state in stage.states().items()} == before
    stage.made("down")
    stage.evaluate()
    after = stage.states()
    assert after["below"].number == stage.evaluator.number
    assert after["down"].number == stage.evaluator.number


def test_what_was_too_late_stores_nothing(stage: Stage) -> None:
    stage.made("up")
    rows = ConditionEvaluator.objects
    from controlplane.evaluator.conditions import evaluating

    keep = evaluating._store

    def late(*given: object) -> object:
        with org_scope(stage.org_id):
            rows.for_org(stage.org_id).update(number=99)
        return keep(*given)

    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    graph = evaluating.graphs.deployment_graph(stage.org_id, begun[-1])
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graph)
    assert late(stage.org_id, stage.deployment_id, found, 0.0) == []
    assert stage.runs == []


def test_what_was_stored_and_not_launched_is_launched(stage: Stage) -> None:
    stage.made("up")
    from controlplane.evaluator.conditions import evaluating

    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    graph = evaluating.graphs.deployment_graph(stage.org_id, begun[-1])
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graph)
    assert len(evaluating._store(stage.org_id, stage.deployment_id, found, 0.0)) == 1
    with org_scope(stage.org_id):
        RequestedRun.objects.for_org(stage.org_id).update(created_at="2026-01-01T00:00Z")
    launching.launch_waiting()
    launching.launch_waiting()
    assert stage.requested == [(("below", "down"), None)]


def test_a_bad_condition_fails_alone_and_says_why(cast: Cast) -> None:
    stage = Stage(cast)
    berlin = dg.DailyPartitionsDefinition("2026-11-10", timezone="Europe/Berlin")
    utc = dg.DailyPartitionsDefinition("2026-11-10")
    stage.load(
        "shop",
        dg.Definitions(
            [
                asset("up"),
                asset("good", "up", on=AC.eager()),
                asset("day", partitions_def=berlin),
                asset("bad", "day", partitions_def=utc, on=AC.eager()),
            ]
        ),
    )
    stage.settle(3)
    bad = stage.states()["bad"]
    assert "Timezones" in bad.error["message"], bad.error
    assert bad.next_due_at is not None
    assert [row.error["message"] for row in stage.history("bad")] == [bad.error["message"]]
    stage.made("up")
    stage.evaluate()
    assert stage.requested == [(("good",), None)]


def test_a_snapshot_that_cannot_be_read_isolates_its_location(stage: Stage) -> None:
    stage.load("third", dg.Definitions([asset("odd", on=AC.eager())]), snapshot=b'{"__class__": "Popen", "args": "ls"}')
    stage.made("up")
    stage.evaluate()
    assert stage.requested == [(("below", "down"), None)]
    assert "third" in stage.evaluator.error["locations"]
    assert "cannot be read" in stage.evaluator.error["locations"]["third"]


def test_a_paused_deployment_catches_up(stage: Stage) -> None:
    services.pause(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    stage.made("up")
    assert stage.evaluate() == 0
    assert stage.runs == []
    services.resume(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    assert stage.evaluate() == 1


def test_a_frozen_deployment_is_not_evaluated(stage: Stage) -> None:
    given = {"org_id": stage.org_id, "deployment_id": stage.deployment_id, "actor": stage.cast.actor}
    freezing.freeze(**given, reason="audit")
    stage.made("up")
    assert stage.evaluate() == 0
    freezing.thaw(**given)
    assert stage.evaluate() == 1


def test_the_clock_finds_changes_and_other_definitions(stage: Stage) -> None:
    def is_claimed() -> bool:
        claimed = stage.evaluator.lease_until is not None
        with org_scope(stage.org_id):
            ConditionEvaluator.objects.for_org(stage.org_id).update(lease_until=None, evaluated_at=None)
        return claimed

    assert not is_claimed()
    look_for_changes()
    look_at_definitions()
    assert not is_claimed()
    stage.made("up")
    look_for_changes()
    assert is_claimed()
    stage.settle()
    stage.load("third", dg.Definitions([asset("new", "up", on=AC.eager())]))
    look_for_changes()
    assert not is_claimed()
    look_at_definitions()
    assert is_claimed()


def test_changes_are_kept_while_a_sensor_runs_and_no_longer(stage: Stage) -> None:
    from controlplane.automation.models import Instigator

    def waiting() -> int:
        with org_scope(stage.org_id):
            return len(changes.read(stage.org_id, stage.deployment_id, changes.Consumer.CONDITIONS).ids)

    stage.made("up")
    assert waiting() == 1
    with org_scope(stage.org_id):
        Instigator.objects.for_org(stage.org_id).update(is_running=False)
    stage.evaluate()
    stage.made("up")
    assert waiting() == 0
    assert stage.evaluator.definitions == ""


def test_an_event_that_is_committed_late_is_not_lost(stage: Stage) -> None:
    """Its id is lower than one that was seen before it could be."""
    written, release = threading.Event(), threading.Event()

    def write() -> None:
        with org_scope(stage.org_id):
            stage.made("up")
            written.set()
            assert release.wait(200)

    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(with_connections_returned, write)
        assert written.wait(200)
        stage.made("elsewhere")
        evaluated = pool.submit(with_connections_returned, stage.evaluate)
        eventually(lambda: _waiting(stage), bool)
        release.set()
        writer.result()
        evaluated.result()
    stage.settle(2)
    assert stage.requested == [(("below", "down"), None)]


def _waiting(stage: Stage) -> bool:
    """Whether somebody waits for this organization's writers."""
    asked = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = (hashtext(%s)::bigint & 4294967295)::oid"
    return bool(recordsets.fetch(asked, [str(stage.org_id)]))


def test_freshness_is_followed_through_time(cast: Cast) -> None:
    """Whoever asks how fresh another asset is, is evaluated when that changes: by an event, and by nothing but time."""
    stage, hour = Stage(cast), datetime.timedelta(hours=1)
    policy = dg.FreshnessPolicy.time_window(2 * hour, hour)
    late = AC.asset_matches("up", AC.freshness_failed())
    asks = [
        asset("late", on=late.newly_true()),
        asset("fresh", on=AC.asset_matches("up", AC.freshness_passed()).newly_true()),
    ]
    stage.load("shop", dg.Definitions([asset("up", freshness_policy=policy), *asks]))
    sweep_freshness()
    stage.settle(2)
    assert stage.requested == []
    stage.made("up")
    sweep_freshness()
    stage.settle(2)
    assert stage.requested == [(("fresh",), None)]
    with org_scope(stage.org_id):
        # Three hours go by, and then comes the moment that was planned.
        now = datetime.datetime.now(datetime.UTC)
        AssetState.objects.for_org(stage.org_id).filter(asset_key="up").update(materialized_at=now - 3 * hour)
        FreshnessState.objects.for_org(stage.org_id).update(due_at=now)
    stage.evaluate()
    assert len(stage.requested) == 1
    sweep_freshness()
    stage.settle(2)
    assert stage.requested == [(("fresh",), None), (("late",), None)]


def test_an_evaluation_that_fails_says_so_and_waits_for_other_definitions(stage: Stage) -> None:
    """Two locations whose assets need each other: neither is at fault alone, and no order can be told."""
    stage.load("third", dg.Definitions([asset("about", "round")]))
    stage.load("fourth", dg.Definitions([asset("round", "about", on=AC.eager())]))
    stage.made("up")
    assert stage.evaluate() == 0
    told = stage.evaluator
    assert "could not be evaluated" in told.error["evaluation"]
    assert told.stopped == 1
    assert not _is_claimed(stage)
    stage.load("fourth", dg.Definitions([asset("round", on=AC.eager())]))
    assert _is_claimed(stage)
    _change(stage, lease_until=None)
    stage.evaluate()
    assert (stage.evaluator.error, stage.evaluator.stopped, stage.evaluator.retry_at) == (None, 0, None)
    assert (("below", "down"), None) in stage.requested


def test_an_evaluation_whose_process_was_ended_is_tried_once_and_then_left_alone(stage: Stage) -> None:
    from controlplane.evaluator.conditions import evaluating

    stage.made("up")
    for tried_again in (True, False):
        _change(stage, lease_until=None)
        assert evaluating._begin(stage.org_id, stage.deployment_id) is not None
        assert evaluating._begin(stage.org_id, stage.deployment_id) is None, "one is under way"
        assert not _is_claimed_anew(stage)
        _change(stage, lease_until="2026-01-01T00:00Z")
        assert _is_claimed_anew(stage) is tried_again
        assert "was stopped" in stage.evaluator.error["evaluation"]
    _change(stage, retry_at="2026-01-01T00:00Z")
    assert stage.evaluate() == 1


def test_who_goes_on_for_long_says_so(stage: Stage) -> None:
    from controlplane.evaluator.conditions import evaluating

    assert evaluating._begin(stage.org_id, stage.deployment_id) is not None
    _change(stage, lease_until="2026-01-01T00:00Z")
    with renewed(lambda: attempts.renew(stage.org_id, stage.deployment_id), every=0.01):
        eventually(lambda: stage.evaluator.lease_until.year > 2026 or stage.evaluator.lease_until.month > 1, bool)


def _is_claimed(stage: Stage) -> bool:
    """Whether the clock asks for an evaluation, now or since before; however short the last one is ago."""
    _change(stage, evaluated_at=None)
    look_for_changes()
    look_at_definitions()
    return stage.evaluator.lease_until is not None


def _is_claimed_anew(stage: Stage) -> bool:
    before = stage.evaluator.lease_until
    return _is_claimed(stage) and stage.evaluator.lease_until != before


def _change(stage: Stage, **values: object) -> None:
    with org_scope(stage.org_id):
        ConditionEvaluator.objects.for_org(stage.org_id).filter(deployment_id=stage.deployment_id).update(**values)
