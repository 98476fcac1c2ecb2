"""What user code defines or answers that cannot be: it fails there, and keeps neither others nor its own rest from going on."""

import datetime
import random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.automation.conditions import launching as of_conditions
from controlplane.automation.instigators import services
from controlplane.automation.instigators.upcoming import LONGEST_INTERVAL_SECONDS
from controlplane.automation.models import Instigator, RequestedRun, RequestSource, Tick
from controlplane.automation.requests import Asked, Asker, store
from controlplane.automation.ticks import answers, api, applying, by_hand, firing, launching, overdue
from controlplane.catalog.current_partitions import dynamic_keys
from controlplane.catalog.models import AssetState
from controlplane.definitions.manifest import PartitionsDefinition
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import all_of
from controlplane.runs.requests import RunRequest
from controlplane.ui.pages import instigator as page
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, TooManyError
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, minutes_ago, schedule, sensor
from tests.cast import Cast, make_cast
from tests.factories import asset, make_location, make_manifest
from tests.waiting import eventually

# What is due in an interval from there has no time that we can write.
END_OF_TIME = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, sensor())


@pytest.fixture
def other() -> Stage:
    return make_stage(make_cast("innocent"), sensor())


def overdue_tick(stage: Stage, *, minutes: float) -> Tick:
    stage.due("files")
    stage.fire("files")
    tick = stage.ticks("files")[-1]
    stage.change(Tick, tick.id, look_at=minutes_ago(minutes), deadline_at=minutes_ago(minutes))
    return tick


def unstorable(stage: Stage, source: RequestSource, count: int = 1) -> None:
    """Pending requests that no run can be made of for a mistake of ours: their bodies are none."""
    with org_scope(stage.cast.org_id):
        asker = Asker(source, uuid7(), stage.cast.deployment.id)
        store(stage.cast.org_id, asker, [Asked(RunRequest(location="shop", job="nightly"))] * count)
        broken = RequestedRun.objects.for_org(stage.cast.org_id)
        broken.update(body={"location": "shop", "job": "nightly", "tags": [1]}, created_at=minutes_ago(2))


def test_interval_of_a_sensor_is_bounded(cast: Cast) -> None:
    stage = make_stage(cast, sensor(min_interval_seconds=1e15), schedule())
    row = stage.row("files")
    stage.tick("files", {"cursor": "1"})

    assert row.min_interval_seconds == LONGEST_INTERVAL_SECONDS
    assert stage.statuses("files") == ["SKIPPED"]
    after = stage.row("files").next_tick_at
    assert after is not None
    assert after < datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=61)


def test_what_cannot_be_looked_after_keeps_nobody_waiting(stage: Stage, other: Stage) -> None:
    stage.deploy(sensor(), sensor("second"))
    broken, fine = overdue_tick(stage, minutes=9), overdue_tick(other, minutes=5)
    stage.due("second")
    stage.fire("second")
    sibling = stage.ticks("second")[-1]
    stage.change(Tick, sibling.id, look_at=minutes_ago(7), deadline_at=minutes_ago(7))
    stage.change(Tick, broken.id, due_at=END_OF_TIME)

    while overdue.beat():
        pass

    assert other.statuses("files") == ["FAILURE"]
    assert stage.statuses("second") == ["FAILURE"]
    [tick] = stage.ticks("files")
    assert (tick.id, tick.status) == (broken.id, "STARTED")
    assert tick.look_at is not None
    assert tick.look_at > minutes_ago(0)
    assert fine.id != broken.id


def test_what_cannot_be_fired_keeps_nobody_waiting(stage: Stage, other: Stage) -> None:
    stage.deploy(sensor(), schedule("bad"))
    stage.due("bad", minutes_ago(3), cron=[["no", "cron"]])
    stage.due("files", minutes_ago(2))
    other.due("files")

    while firing.beat():
        pass

    assert (len(stage.ticks("files")), len(other.ticks("files"))) == (1, 1)
    assert stage.ticks("bad") == []
    again = stage.row("bad").next_tick_at
    assert again is not None
    assert again > minutes_ago(0)


def test_organizations_take_turns(stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # What other tests left would be due for longer.
    while firing.beat():
        pass
    names = [f"s{number}" for number in range(4)]
    stage.deploy(*(sensor(name) for name in names))
    for name in names:
        stage.due(name, minutes_ago(100_005))
    # For longer than anything that other tests have left.
    other.due("files", minutes_ago(100_001))
    monkeypatch.setattr(firing, "_BITE", 2)

    firing.beat()

    assert len(other.ticks("files")) == 1
    assert sum(len(stage.ticks(name)) for name in names) == 1


def test_one_answer_that_cannot_be_taken_loses_none_of_the_others(stage: Stage) -> None:
    stage.deploy(sensor(), sensor("second"), sensor("third"))
    names = ["files", "second", "third"]
    for name in names:
        stage.due(name)
    stage.fire(*names)
    bad, asking = stage.ticks("files")[-1], stage.ticks("third")[-1]
    stage.change(Tick, bad.id, due_at=END_OF_TIME)
    stage.change(Tick, asking.id, due_at=END_OF_TIME)
    by_tick = {question.body["subject"]: question for question in stage.questions()}
    given = [
        applying.Answered(tick.id, by_tick[str(tick.id)].id, result, None)
        for tick, result in (
            (bad, {"cursor": "1"}),
            (stage.ticks("second")[-1], {"cursor": "2"}),
            (asking, {"cursor": "3", "requests": [{}]}),
        )
    ]
    with org_scope(stage.cast.org_id):
        applying.take_answers(stage.cast.org_id, given)

    assert stage.statuses("second") == ["SKIPPED"]
    assert stage.row("second").cursor == "2"
    assert (stage.row("files").cursor, stage.row("third").cursor, stage.runs()) == (None, None, [])
    assert stage.statuses("files") == stage.statuses("third") == ["STARTED"]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"requests": [{"run_key": "k" * 2001}]}, "run key"),
        ({"requests": [{"partition": "ä" * 501}]}, "partition"),
        ({"asset_events": [{"event": {"type": "asset_materialization"}}] * 10_001}, "asset events"),
        ({"dynamic_partitions": [{"op": "delete", "name": "x", "keys": ["k"] * 100_001}]}, "dynamic partitions"),
        ({"reactions": [{"run_id": ""}] * 10_001}, "reacted"),
        ({"skip": "x" * answers.ANSWER_BYTES}, "bytes"),
    ],
)
def test_answers_are_bounded(answer: dict[str, Any], word: str) -> None:
    with pytest.raises(answers.InvalidError, match=word):
        answers.read(answer)


def test_many_events_and_deleted_keys_are_few_statements(stage: Stage) -> None:
    keys = [f"k{number}" for number in range(300)]
    stage.tick("files", {"dynamic_partitions": [{"op": "add", "name": "colors", "keys": keys}]})
    event = {"event": {"type": "asset_materialization", "data": {"materialization": {"asset": ["raw"]}}}}
    deleted = [{"op": "delete", "name": "colors", "keys": keys[1:]}]
    with CaptureQueriesContext(connection) as asked:
        stage.tick("files", {"dynamic_partitions": deleted, "asset_events": [event] * 300})

    assert len(asked) < 120
    assert stage.statuses("files") == ["SKIPPED", "SKIPPED"]
    assert dynamic_keys(stage.cast.org_id, stage.cast.deployment.id, "colors") == ["k0"]


def test_request_that_cannot_be_stored_is_refused_and_the_others_are_launched(stage: Stage) -> None:
    row, noise = stage.row("files"), random.Random(7)
    key = "".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(4000))
    asked = [Asked(RunRequest(location="shop", job="nightly"), run_key=text) for text in ("a", key, "b")]
    stage.tick("files", {"cursor": "1"})
    tick = stage.ticks("files")[-1]
    with org_scope(stage.cast.org_id):
        asker = Asker(RequestSource.TICK, tick.id, stage.cast.deployment.id, instigator_id=row.id)
        store(stage.cast.org_id, asker, asked)

    launching.launch_of_tick(org_id=stage.cast.org_id, tick_id=tick.id)

    assert stage.requested() == ["launched", "refused", "launched"]
    assert stage.ticks("files")[-1].status == "FAILURE"


def test_long_partition_is_refused(cast: Cast) -> None:
    key = "k" * 1001
    definition = PartitionsDefinition(cls="StaticPartitionsDefinition", kind="static", keys=[key])
    make_location(
        cast, manifest=make_manifest([asset("raw", partitions="p")], partitions_definitions={"p": definition})
    )
    with org_scope(cast.org_id):
        asker = Asker(RequestSource.EVALUATION, uuid7(), cast.deployment.id)
        store(cast.org_id, asker, [Asked(RunRequest(location="shop", assets=["raw"], partition=key))])
        RequestedRun.objects.for_org(cast.org_id).update(created_at=minutes_ago(2))
    of_conditions.launch_waiting()
    with org_scope(cast.org_id):
        [(state, why)] = RequestedRun.objects.for_org(cast.org_id).values_list("state", "refusal")
    assert state == "refused"
    assert "1000 bytes" in why


def test_deployment_whose_runs_cannot_be_launched_keeps_none_of_anothers(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    unstorable(stage, RequestSource.EVALUATION, count=3)
    with org_scope(other.cast.org_id):
        asker = Asker(RequestSource.EVALUATION, uuid7(), other.cast.deployment.id)
        store(other.cast.org_id, asker, [Asked(RunRequest(location="shop", job="nightly"))])
        RequestedRun.objects.for_org(other.cast.org_id).update(created_at=minutes_ago(1))
    monkeypatch.setattr(of_conditions, "_MAX", 2)

    def requested_after_a_look() -> list[str]:
        of_conditions.launch_waiting()
        return other.requested()

    # What other tests left has its turn too.
    eventually(requested_after_a_look, lambda found: found == ["launched"])
    assert stage.requested() == ["pending"] * 3


def test_sensor_that_was_turned_on_with_a_huge_interval_before_it_was_bounded(stage: Stage) -> None:
    services.start(all_of(stage.cast.org_id, stage.cast.deployment.id), stage.row("files"), actor=stage.cast.actor)
    stage.change(Instigator, stage.row("files").id, min_interval_seconds=1e15)
    stage.tick("files", {"cursor": "1"})
    with org_scope(stage.cast.org_id):
        assert AssetState.objects.for_org(stage.cast.org_id).count() == 0
    assert stage.statuses("files") == ["SKIPPED"]


def test_test_of_a_sensor_is_audited_and_short(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage(cast, sensor(tags={"daggerboard/tick_timeout": "3600"}))
    monkeypatch.setattr(by_hand, "TEST_SECONDS", 1.0)
    client = cast.api()
    client.raise_request_exception = False
    answer = client.post(cast.api_path("sensors/shop/files/test/"), {}, content_type="application/json")

    assert answer.status_code == 503
    assert "within 1 s" in answer.content.decode()
    with org_scope(cast.org_id):
        [noted] = AuditEvent.objects.for_org(cast.org_id).filter(action="sensor.test")
    assert noted.target_label == "files"
    # Nothing is held while it is waited for.
    assert not api.TestSensorView.in_one_scope
    assert not page.Test.in_one_scope
    assert stage.row("files").open_tick_id is None


def test_tests_are_limited_and_refused_in_a_frozen_deployment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    visible, row = all_of(stage.cast.org_id, stage.cast.deployment.id), stage.row("files")
    monkeypatch.setattr(by_hand, "_TESTS_AT_ONCE", 2)
    stage.change(Deployment, stage.cast.deployment.id, frozen_at=minutes_ago(1))
    with pytest.raises(ConflictError, match="frozen"):
        by_hand.preview(visible, row, actor=stage.cast.actor)
    with pytest.raises(ConflictError, match="frozen"):
        by_hand.preview(visible, row, actor=stage.cast.actor)
    with pytest.raises(TooManyError):
        by_hand.preview(visible, row, actor=stage.cast.actor)
