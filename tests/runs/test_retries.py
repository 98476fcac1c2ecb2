"""Retries: the verdict is there with the failure, by a table of truths; each is launched once; what is left is what runs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from controlplane.definitions.manifest import Job, Op
from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.freezing import freeze, thaw
from controlplane.runs import retries
from controlplane.runs.errors import NotResumableError
from controlplane.runs.models import Run
from controlplane.runs.rerun import rerun_request
from controlplane.runs.retry_policy import Verdict, decide
from controlplane.runs.services import cancel_run, reexecute_run
from controlplane.runs.step_selectors import steps
from tenants.errors import InvalidError
from tenants.scoping import org_scope
from tests.factories import make_manifest
from tests.runs.scripts import Sender, Stage, make_stage

POLICIES = {
    "max_retries": 1,
    "retry_on_asset_or_op_failure": False,
    "policies": {
        "out_of_memory": {"max_retries": 2, "memory_factor": 3},
        "preempted": {"max_retries": 5, "delay_seconds": 30},
        "start_timeout": {"max_retries": 0},
    },
}
ON_FAILURE = "dagster/retry_on_asset_or_op_failure"


@pytest.mark.parametrize(
    ("code", "tags", "verdict", "words"),
    [
        ("step_failed", {}, "no", "retry_on_asset_or_op_failure is false"),
        ("step_failed", {ON_FAILURE: "true"}, "due", "retry 1 of 1"),
        ("step_failed", {"dagster/max_retries": "0"}, "no", "its tag dagster/max_retries allows no retries"),
        ("run_error", {}, "due", "failed in its code"),
        ("agent_lost", {}, "due", "was lost with its process or its agent (retry 1 of 1"),
        (
            "agent_lost",
            {"dagster/retry_number": "1"},
            "no",
            "retried once already, the most that run_retries.max_retries",
        ),
        ("agent_lost", {"dagster/retry_number": "1", "dagster/max_retries": "3"}, "due", "retry 2 of 3, by its tag"),
        ("killed_by_signal", {}, "due", "in 30 s because it was ended by its machine (retry 1 of 5"),
        ("out_of_memory", {"daggerboard/memory": "512Mi"}, "due", "with 1536Mi of memory instead of 512Mi"),
        ("out_of_memory", {"dagster/retry_number": "2"}, "no", "retried 2 times already"),
        ("timed_out_starting", {}, "no", "allows no retries of a run that did not start in time"),
        ("timed_out_queued", {"dagster/max_retries": "9"}, "no", "only wait again"),
        ("location_deleted", {"dagster/max_retries": "9"}, "no", "its code location is gone"),
        ("canceled", {"dagster/max_retries": "9"}, "no", "it was cancelled"),
    ],
)
def test_verdicts(code: str, tags: dict[str, str], verdict: str, words: str) -> None:
    found = decide(code, tags, {"run_retries": POLICIES})
    assert (found.verdict, words in found.message) == (verdict, True), found.message


def test_without_settings_nothing_is_retried_and_it_says_so() -> None:
    found = decide("crashed", {}, {})
    assert found.verdict == Verdict.NO
    assert "run_retries.max_retries allows no retries" in found.message


def failing(stage: Stage, *steps: str, **request: Any) -> Sender:
    """A run whose first steps succeed and whose last fails."""
    sender = stage.claimed(**request)
    sender.start(*steps)
    for step in steps[:-1]:
        sender.step(step)
    sender.event("STEP_START", step=steps[-1])
    sender.event("STEP_FAILURE", step=steps[-1], error={"cls": "ValueError", "message": "no", "stack": []})
    sender.say("PIPELINE_FAILURE", message="failed")
    return sender


def children(stage: Stage, run_id: UUID) -> list[Run]:
    with org_scope(stage.org_id):
        return list(Run.objects.for_org(stage.org_id).filter(parent_run_id=run_id).order_by("id"))


def launch_everywhere() -> None:
    """Four clocks at once."""

    def beat(_: int) -> None:
        try:
            retries.launch_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(beat, range(4)))


def test_a_failed_run_is_retried_once_from_failure_by_any_number_of_clocks() -> None:
    stage = make_stage()
    failed = failing(stage, "raw", "daily", job="nightly", tags={"dagster/max_retries": "1"}).run
    assert (failed.retry_verdict, failed.tags["dagster/will_retry"]) == ("due", "true")
    assert "Will retry" in failed.retry_message

    launch_everywhere()
    launch_everywhere()

    [retry] = children(stage, failed.id)
    failed = stage.run(failed.id)
    assert (failed.retry_verdict, failed.retry_run_id) == ("launched", retry.id)
    assert failed.tags["dagster/auto_retry_run_id"] == str(retry.id)
    assert retry.asset_selection == ["daily", "report"]
    assert (retry.tags["dagster/retry_number"], retry.root_run_id) == ("1", failed.id)
    assert (retry.actor_kind, "dagster/will_retry" in retry.tags) == ("automation", False)


def test_a_retry_of_a_retry_ends_at_the_limit_and_by_hand_it_begins_anew() -> None:
    stage = make_stage()
    first = failing(
        stage, "raw", assets=["raw"], tags={"dagster/max_retries": "1", "dagster/retry_strategy": "ALL_STEPS"}
    )
    retries.launch_due()
    [retry] = children(stage, first.run_id)
    [claim] = stage.claim()
    again = Sender(stage, claim)
    again.start("raw")
    again.say("AGENT_EXITED", data={"reason": "crashed", "exit_code": 1})
    stored = stage.run(retry.id)
    assert (stored.retry_verdict, stored.tags["dagster/will_retry"]) == ("no", "false")
    assert "retried once already" in stored.retry_message
    by_hand = reexecute_run(org_id=stage.org_id, run_id=retry.id, from_failure=False, actor=stage.cast.actor)
    assert "dagster/retry_number" not in by_hand.tags


def test_cancelled_runs_and_successes_have_no_verdict() -> None:
    stage = make_stage()
    run = stage.request(tags={"dagster/max_retries": "3"})
    cancel_run(org_id=stage.org_id, run_id=run.id, actor=stage.cast.actor)
    assert stage.run(run.id).retry_verdict == ""
    retries.launch_due()
    assert children(stage, run.id) == []


def test_a_retry_that_is_refused_says_why() -> None:
    stage = make_stage()
    failed = failing(stage, "raw", assets=["raw"], tags={"dagster/max_retries": "1"}).run
    from controlplane.deployments.services import delete_location

    delete_location(org_id=stage.org_id, deployment_id=stage.cast.deployment.id, name="shop", actor=stage.cast.actor)
    retries.launch_due()
    failed = stage.run(failed.id)
    assert failed.retry_verdict == "no"
    assert "that was refused: " in failed.retry_message
    assert failed.tags["dagster/will_retry"] == "false"


def test_a_step_that_ran_out_of_memory_gets_more() -> None:
    stage = make_stage()
    set_settings(
        org_id=stage.org_id,
        deployment_id=stage.cast.deployment.id,
        document={"run_retries": {"policies": {"out_of_memory": {"max_retries": 1, "memory_factor": 4}}}},
        actor=stage.cast.actor,
    )
    sender = stage.claimed(assets=["raw"], tags={"daggerboard/memory": "256Mi"})
    sender.start("raw")
    sender.event("STEP_START", step="raw")
    cause = {"cls": "MemoryError", "message": "", "stack": []}
    sender.event(
        "STEP_FAILURE", step="raw", error={"cls": "DagsterExecutionStepExecutionError", "message": "x", "cause": cause}
    )
    sender.say("PIPELINE_FAILURE", message="failed")
    assert sender.run.failure_code == "out_of_memory"
    retries.launch_due()
    [retry] = children(stage, sender.run_id)
    assert retry.tags["daggerboard/memory"] == "1024Mi"


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/max_retries": "two"},
        {"dagster/retry_strategy": "SOME"},
        {ON_FAILURE: "perhaps"},
        {"daggerboard/memory": "lots"},
        {"daggerboard/memory": "1Mi"},
    ],
)
def test_tags_that_mean_nothing_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(InvalidError, match=next(iter(tags))):
        make_stage().request(tags=tags)


OPS = [
    Op(name="load"),
    Op(name="fan", deps=["load"]),
    Op(name="work", deps=["fan"]),
    Op(name="after", deps=["work"]),
    Op(name="collect", deps=["after"]),
]
PLAN = [
    {"step": "load", "deps": []},
    {"step": "fan", "deps": ["load"]},
    {"step": "work[?]", "deps": ["fan", "load"]},
    {"step": "after[?]", "deps": ["work[?]"]},
    {"step": "collect", "deps": ["after[?]"]},
]


def ops_run(stage: Stage, *done: str, failed: str, keys: str = "abc") -> Run:
    sender = stage.claimed(job="etl")
    sender.start(plan=[{"assets": [], **step} for step in PLAN])
    for step in done:
        if step == "fan":
            for key in keys:
                sender.event("STEP_OUTPUT", step="fan", data={"output": "result", "mapping_key": key})
        sender.step(step, materialize=False)
    sender.event("STEP_START", step=failed)
    sender.event("STEP_FAILURE", step=failed, error={"cls": "E", "message": "no", "stack": []})
    sender.say("PIPELINE_FAILURE", message="failed")
    return sender.run


@pytest.mark.parametrize(
    ("done", "failed", "left"),
    [
        ([], "load", ["load", "fan", "work[?]", "after[?]", "collect"]),
        (["load"], "fan", ["fan", "work[?]", "after[?]", "collect"]),
        (
            ["load", "fan", "work[a]", "after[a]"],
            "work[b]",
            ["work[b]", "work[c]", "after[b]", "after[c]", "collect"],
        ),
        (["load", "fan", *(f"{op}[{key}]" for op in ("work", "after") for key in "abc")], "collect", ["collect"]),
    ],
)
def test_what_is_left_of_a_job_of_ops(done: list[str], failed: str, left: list[str]) -> None:
    stage = make_stage(
        make_manifest(jobs=[Job(name="etl", ops=OPS), Job(name="__ASSET_JOB", implicit=True, assets=[["raw"]])])
    )
    run = ops_run(stage, *done, failed=failed)
    with org_scope(stage.org_id):
        request = rerun_request(run, from_failure=True)
    assert (request.assets, sorted(request.step_keys or [])) == (None, sorted(left))
    again = reexecute_run(org_id=stage.org_id, run_id=run.id, from_failure=True, actor=stage.cast.actor)
    assert (again.step_keys, again.parent_run_id) == (list(request.step_keys or []), run.id)


def test_a_job_of_ops_that_failed_before_its_first_step_is_run_as_a_whole() -> None:
    stage = make_stage(
        make_manifest(jobs=[Job(name="etl", ops=OPS), Job(name="__ASSET_JOB", implicit=True, assets=[["raw"]])])
    )
    sender = stage.claimed(job="etl", tags={"dagster/max_retries": "1"})
    sender.say("AGENT_EXITED", data={"reason": "crashed", "exit_code": 1})
    with org_scope(stage.org_id), pytest.raises(NotResumableError, match="before its first step"):
        rerun_request(sender.run, from_failure=True)
    retries.launch_due()
    [retry] = children(stage, sender.run_id)
    assert retry.step_keys is None
    assert "All of it ran again" in sender.run.retry_message


def test_a_run_with_as_many_tags_as_there_may_be_is_retried_and_holds_up_nobody() -> None:
    stage = make_stage()
    tags = {f"tag-{number}": "x" for number in range(100)} | {"dagster/max_retries": "1"}
    full, other = failing(stage, "raw", tags=tags), failing(stage, "raw", tags={"dagster/max_retries": "1"})

    retries.launch_due()

    assert [len(children(stage, run.run_id)) for run in (full, other)] == [1, 1]


def test_a_retry_waits_for_the_end_of_a_freeze() -> None:
    stage = make_stage()
    run = failing(stage, "raw", tags={"dagster/max_retries": "1"})
    freeze(org_id=stage.org_id, deployment_id=stage.cast.deployment.id, reason="Release", actor=stage.cast.actor)
    retries.launch_due()
    assert children(stage, run.run_id) == []

    thaw(org_id=stage.org_id, deployment_id=stage.cast.deployment.id, actor=stage.cast.actor)
    retries.launch_due()
    assert len(children(stage, run.run_id)) == 1


def test_a_retry_that_is_due_can_be_cancelled() -> None:
    stage = make_stage()
    run = failing(stage, "raw", tags={"dagster/max_retries": "1"})

    cancel_run(org_id=stage.org_id, run_id=run.run_id, actor=stage.cast.actor)
    retries.launch_due()

    assert (children(stage, run.run_id), run.run.retry_verdict) == ([], Verdict.NO)


def test_a_blocking_check_that_failed_runs_again_before_what_is_behind_it() -> None:
    keys = [["raw"], ["daily"], ["report"]]
    of_all = Job(name="__ASSET_JOB", implicit=True, assets=keys, checks=[(["daily"], "not_empty")])
    stage = make_stage(make_manifest(jobs=[of_all]))
    sender = stage.claimed(job=None, assets=["daily", "report"])
    plan = [
        {"step": "daily", "assets": [["daily"]], "deps": []},
        {"step": "daily_not_empty", "assets": [], "checks": [[["daily"], "not_empty"]], "deps": ["daily"]},
        {"step": "report", "assets": [["report"]], "deps": ["daily", "daily_not_empty"]},
    ]
    sender.start(plan=plan)
    sender.step("daily")
    sender.event("STEP_FAILURE", step="daily_not_empty", error={"cls": "Check", "message": "no", "stack": []})
    sender.say("PIPELINE_FAILURE", message="failed")

    again = reexecute_run(org_id=stage.org_id, run_id=sender.run_id, from_failure=True, actor=stage.cast.actor)

    assert (again.asset_selection, again.check_selection) == (["report"], ["daily:not_empty"])


def test_steps_of_a_continued_job_of_ops_need_not_know_those_before_them() -> None:
    stage = make_stage(
        make_manifest(jobs=[Job(name="etl", ops=OPS), Job(name="__ASSET_JOB", implicit=True, assets=[["raw"]])])
    )
    again = stage.claimed(job="etl", step_keys=["fan"])
    again.start(plan=[{"step": "fan", "assets": [], "deps": ["load"]}])
    again.step("fan", materialize=False)

    assert [view.key for view in steps(stage.org_id, again.run_id)] == ["fan"]
