"""Schedules and sensors over REST: they follow their code, people turn them on and off, for a while too, and set cursors."""

import datetime
import uuid
from typing import Any

import pytest

from controlplane.automation.instigators import reconciling
from controlplane.automation.models import FollowedDefinitions, Instigator
from controlplane.automation.ticks import firing
from controlplane.automation.ticks.identity import tick_id
from controlplane.deployments import branches
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.freezing import freeze
from controlplane.deployments.models import Deployment
from controlplane.deployments.services import delete_location
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, minutes_ago, schedule, sensor
from tests.cast import Cast


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, schedule(), sensor())


def post(cast: Cast, path: str, body: Any = None, *, user: Any = None, expect: int = 200) -> Any:
    address = f"/api/v1/organizations/{cast.org.slug}/deployments/{cast.deployment.name}/{path}"
    answer = cast.api(user).post(address, body or {}, content_type="application/json")
    assert answer.status_code == expect, answer.content
    return answer.json()


def get(cast: Cast, path: str) -> Any:
    return cast.api().get(f"/api/v1/organizations/{cast.org.slug}/deployments/{cast.deployment.name}/{path}").json()


def branch_of(cast: Cast) -> Cast:
    facts = BranchFacts(repository="acme/shop", branch="feature", pull_request=1)
    made = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)
    return cast.at(made.deployment.name)


def test_definitions_come_go_and_come_back_with_their_cursor(stage: Stage) -> None:
    stage.tick("files", {"cursor": "7"})

    stage.deploy(schedule())
    gone = get(stage.cast, "sensors/shop/files/")
    assert (gone["status"], gone["is_defined"], gone["cursor"]) == ("STOPPED", False, "7")
    assert "does not define it" in gone["note"]
    post(stage.cast, "sensors/shop/files/start/", expect=409)
    stage.deploy(schedule(), sensor())

    back = get(stage.cast, "sensors/shop/files/")
    assert (back["status"], back["cursor"]) == ("RUNNING", "7")
    post(stage.cast, "sensors/shop/files/stop/")
    stage.deploy(schedule())
    assert post(stage.cast, "sensors/shop/files/stop/")["status"] == "STOPPED"


def test_those_of_a_deleted_code_location_are_history(stage: Stage) -> None:
    cast = stage.cast
    delete_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)
    stage.follow()

    assert get(cast, "sensors/")["results"] == []
    assert [one["name"] for one in get(cast, "sensors/?deleted=true")["results"]] == ["files"]
    assert "was deleted" in get(cast, "sensors/shop/files/")["note"]
    for verb in ("start", "tick"):
        assert "was deleted" in post(cast, f"sensors/shop/files/{verb}/", expect=409)["errors"][0]["detail"]
    browser, pages = cast.signed_in(), f"/{cast.org.slug}/{cast.deployment.name}/automation"
    assert "went with their code locations" in browser.get(pages).content.decode()
    assert "hourly" in browser.get(f"{pages}?state=deleted").content.decode()
    assert "which was deleted" in browser.get(f"{pages}/{stage.row('files').id}").content.decode()


def test_sweep_finds_what_changed_and_nothing_else(stage: Stage) -> None:
    with org_scope(stage.cast.org_id):
        FollowedDefinitions.objects.for_org(stage.cast.org_id).update(manifest_sha256="0" * 64)
        Instigator.objects.for_org(stage.cast.org_id).filter(name="files").delete()

    # One sweep looks at so many: there are the deployments of other tests too.
    while reconciling.sweep() == reconciling._SWEEP_MAX:
        pass

    assert stage.row("files").is_running
    with org_scope(stage.cast.org_id):
        [sha256] = FollowedDefinitions.objects.for_org(stage.cast.org_id).values_list("manifest_sha256", flat=True)
    assert sha256 != "0" * 64


def test_tick_that_is_due_is_not_lost_when_its_definition_is_deployed_again(stage: Stage) -> None:
    due = minutes_ago(0.1)
    stage.due("files", due)

    stage.deploy(schedule(), sensor(), location="shop", env_vars={"A": ["x"]})

    assert stage.row("files").next_tick_at == due


def test_people_s_choice_holds_until_it_is_left_to_the_code(stage: Stage) -> None:
    assert post(stage.cast, "schedules/shop/hourly/stop/")["choice"] == "stopped"
    stage.deploy(schedule(cron="5 * * * *"), sensor())
    assert get(stage.cast, "schedules/shop/hourly/")["status"] == "STOPPED"

    back = post(stage.cast, "schedules/shop/hourly/reset/")

    assert (back["status"], back["choice"], back["chosen_by"]) == ("RUNNING", "", "")
    assert datetime.datetime.fromisoformat(back["next_tick_at"]).minute == 5
    post(stage.cast, "schedules/shop/hourly/stop/", user=stage.cast.viewer, expect=403)


def test_timed_run_ends_itself_after_its_ticks(stage: Stage) -> None:
    post(stage.cast, "sensors/shop/files/stop/")
    started = post(stage.cast, "sensors/shop/files/start/", {"ticks": 2})
    assert (started["status"], started["ticks_left"]) == ("RUNNING", 2)

    stage.tick("files")
    assert stage.row("files").is_running
    stage.tick("files")

    row = stage.row("files")
    assert (row.is_running, row.choice, row.ticks_left) == (False, "stopped", None)
    assert stage.statuses("files") == ["SKIPPED", "SKIPPED"]


def test_timed_run_ends_itself_when_its_minutes_are_over(stage: Stage) -> None:
    post(stage.cast, "schedules/shop/hourly/stop/")
    post(stage.cast, "schedules/shop/hourly/start/", {"minutes": 1})
    row = stage.row("hourly")
    assert row.next_tick_at is not None
    assert row.runs_until is not None
    assert row.next_tick_at <= row.runs_until

    stage.due("hourly", minutes_ago(1), runs_until=minutes_ago(1))
    stage.fire("hourly")

    assert not stage.row("hourly").is_running
    assert stage.ticks("hourly") == []


def test_branch_deployments_are_quiet_until_somebody_turns_something_on(stage: Stage) -> None:
    branch = make_branch_stage(stage)

    assert [branch.row(name).is_running for name in ("hourly", "files")] == [False, False]
    post(branch.cast, "sensors/shop/files/start/", {"minutes": 30})
    assert branch.row("files").is_running
    assert branch.tick("files", {"requests": [{}]}).status == "SUCCESS"


def test_timed_run_wakes_its_branch_and_sends_nobody_to_wake_it_again(stage: Stage) -> None:
    # A beat makes ticks of all that is due: of the full deployment nothing is to be, however long this takes.
    for kind in ("schedules", "sensors"):
        post(stage.cast, f"{kind}/stop/")
    branch = make_branch_stage(stage)
    post(branch.cast, "sensors/shop/files/start/", {"ticks": 1})
    put_to_sleep(branch)
    branch.due("files")
    while firing.beat():
        pass

    assert is_awake(branch)
    branch.answer(branch.questions()[-1], {})
    assert branch.statuses("files") == ["SKIPPED"]
    assert (branch.row("files").is_running, branch.row("files").choice) == (False, "stopped")

    # For good, it lets the branch sleep, and does not tick in it.
    post(branch.cast, "sensors/shop/files/start/")
    put_to_sleep(branch)
    branch.due("files")
    while firing.beat():
        pass
    assert (is_awake(branch), branch.statuses("files")) == (False, ["SKIPPED"])


def put_to_sleep(branch: Stage) -> None:
    branches.sleep(org_id=branch.cast.org_id, deployment_id=branch.cast.deployment.id)
    assert not is_awake(branch)


def is_awake(branch: Stage) -> bool:
    with org_scope(branch.cast.org_id):
        return Deployment.objects.for_org(branch.cast.org_id).get(id=branch.cast.deployment.id).is_awake


def make_branch_stage(stage: Stage) -> Stage:
    branch = Stage(branch_of(stage.cast), stage.agent)
    branch.deploy(schedule(), sensor())
    return branch


def test_stopped_while_it_is_evaluated_nothing_is_taken(stage: Stage) -> None:
    stage.due("files")
    stage.fire("files")
    post(stage.cast, "sensors/shop/files/stop/")

    stage.answer(stage.questions()[-1], {"cursor": "9", "requests": [{}]})

    assert stage.statuses("files") == ["SKIPPED"]
    assert (stage.row("files").cursor, stage.runs()) == (None, [])


def test_frozen_deployments_do_not_tick(stage: Stage) -> None:
    stage.due("files")
    freeze(org_id=stage.cast.org_id, deployment_id=stage.cast.deployment.id, reason="Q", actor=stage.cast.actor)

    while firing.beat():
        pass

    assert stage.ticks("files") == []
    post(stage.cast, "sensors/shop/files/stop/", expect=409)


def test_many_are_turned_off_by_a_filter(stage: Stage) -> None:
    stage.deploy(schedule("a"), schedule("b"), schedule("other"), sensor())

    assert post(stage.cast, "schedules/stop/", {"search": "other"}) == {"changed": 1}
    found = get(stage.cast, "schedules/?status=RUNNING&limit=1")

    assert [one["name"] for one in found["results"]] == ["a"]
    assert found["next"]
    assert get(stage.cast, "sensors/")["results"][0]["status"] == "RUNNING"


def test_sensors_of_conditions_that_the_evaluator_evaluates_never_tick(cast: Cast) -> None:
    stage = make_stage(cast, sensor("default_automation_condition_sensor", sensor_type="AUTO_MATERIALIZE"))

    row = stage.row("default_automation_condition_sensor")

    assert (row.is_running, row.next_tick_at) == (True, None)
    post(cast, "sensors/shop/default_automation_condition_sensor/tick/", expect=409)


def test_id_of_a_tick_is_its_due_time_and_its_instigator() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    due = datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC)

    assert tick_id(one, due) == tick_id(one, due)
    assert len({tick_id(one, due), tick_id(other, due), tick_id(one, due + datetime.timedelta(microseconds=1))}) == 3
    assert tick_id(one, due).version == 7
    assert tick_id(one, due).int >> 80 == int(due.timestamp() * 1000)


def test_five_hundred_sensors_spread_over_their_interval(cast: Cast) -> None:
    stage = make_stage(cast, *(sensor(f"s{number}") for number in range(500)))

    with org_scope(cast.org_id):
        dues = Instigator.objects.for_org(cast.org_id).values_list("next_tick_at", flat=True)
        seconds = {int(due.timestamp()) for due in dues if due}

    assert len(seconds) >= 29
    assert stage.ticks("s1") == []
