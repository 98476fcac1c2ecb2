"""Backfills of assets and jobs: planned by dagster's planner across code locations, launched once, followed to their end."""

import time
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest
from django.db.models.functions import Now

from controlplane.automation.backfills import control
from controlplane.automation.backfills.choice import Choice, Only
from controlplane.automation.backfills.planning import PlanMismatchError, store_plan
from controlplane.automation.backfills.progress import look
from controlplane.automation.backfills.retrying import retry
from controlplane.automation.models import Backfill, BackfillPartition, BackfillStatus
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.freezing import freeze, thaw
from controlplane.evaluator.backfills import plan_of_assets
from controlplane.runs import retries
from controlplane.runs.models import Run
from controlplane.runs.retry_policy import Verdict
from controlplane.runs.services import reexecute_run
from controlplane.runs.states import RunStatus
from controlplane.runs.transitions import move_run
from tenants.errors import ConflictError, InvalidError
from tenants.scoping import org_scope
from tests.automation.backfill_world import (
    end,
    end_all,
    fresh,
    go,
    launch,
    once,
    partitions,
    runs,
    serve,
    visible,
)
from tests.cast import Cast

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
JANUARY = Choice(ranges=[("2026-01-01", "2026-01-31")])
THREE = Choice(ranges=[("2026-01-01", "2026-01-03")])


def shop(days: dg.PartitionsDefinition = DAYS, **policy: dg.BackfillPolicy) -> dg.Definitions:
    @dg.asset(partitions_def=days, backfill_policy=policy.get("raw"))
    def raw() -> None: ...

    @dg.asset(partitions_def=days, deps=[raw], backfill_policy=policy.get("raw"))
    def clean() -> None: ...

    @dg.op
    def work() -> None: ...

    @dg.job(partitions_def=days)
    def nightly() -> None:
        work()

    return dg.Definitions([raw, clean], jobs=[nightly])


def reports() -> dg.Definitions:
    """In another code location."""

    @dg.asset(partitions_def=DAYS, deps=["clean"])
    def daily() -> None: ...

    @dg.asset(partitions_def=MONTHS, deps=["daily"], backfill_policy=dg.BackfillPolicy.single_run())
    def monthly() -> None: ...

    @dg.asset(deps=["monthly"])
    def summary() -> None: ...

    return dg.Definitions([daily, monthly, summary])


@pytest.fixture
def served(cast: Cast) -> Cast:
    serve(cast, shop())
    serve(cast, reports(), "reports")
    return cast


def test_it_goes_through_code_locations_and_partition_mappings(served: Cast) -> None:
    backfill = launch(served, "raw", "clean", "daily", "monthly", "summary", choice=JANUARY)
    assert backfill.counts == {"targeted": 31 * 3 + 1}
    assert backfill.selection["mapped"] == ["monthly"]

    first = go(backfill)
    assert {(run.location_name, tuple(run.target_assets)) for run in runs(backfill)} == {("shop", ("clean", "raw"))}
    assert len(runs(backfill)) == 31
    assert first.counts == {"targeted": 31 * 3 + 1}, "counts are those of the look before"

    done = end_all(backfill)
    assert done.status == BackfillStatus.COMPLETED_SUCCESS
    assert done.counts == {"materialized": 31 * 3 + 2}
    assert partitions(backfill)["monthly", "2026-01-01"] == "materialized"
    assert all(len(found) == 1 for found in once(backfill).values())
    one = runs(backfill)[0]
    assert one.tags["dagster/backfill"] == str(backfill.id)
    assert one.tags["dagster/partition"] == "2026-01-01"


def test_a_policy_of_single_runs_makes_one_run_of_a_range(cast: Cast) -> None:
    serve(cast, shop(raw=dg.BackfillPolicy.single_run()))
    backfill = launch(cast, "raw", "clean", choice=THREE)
    go(backfill)
    [run] = runs(backfill)
    assert (run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]) == (
        "2026-01-01",
        "2026-01-03",
    )
    done = end_all(backfill)
    assert done.counts == {"materialized": 6}


def test_a_policy_of_several_partitions_makes_runs_of_so_many(cast: Cast) -> None:
    serve(cast, shop(raw=dg.BackfillPolicy.multi_run(10)))
    backfill = launch(cast, "raw", choice=JANUARY)
    go(backfill)
    assert len(runs(backfill)) == 4
    assert end_all(backfill).counts == {"materialized": 31}


def test_what_failed_is_retried_and_nothing_else(served: Cast) -> None:
    backfill = launch(served, "clean", "daily", choice=THREE)
    bad = "2026-01-02"
    done = end_all(backfill, failing=[bad])
    assert done.status == BackfillStatus.COMPLETED_FAILED
    assert done.counts == {"materialized": 4, "failed": 1, "skipped": 1}
    assert partitions(backfill)["clean", bad] == "failed"
    assert partitions(backfill)["daily", bad] == "skipped"

    again = retry(visible(served), done, actor=served.actor)
    assert again.parent_id == backfill.id
    end_all(again)
    assert once(again) == {("clean", bad): once(again)["clean", bad], ("daily", bad): once(again)["daily", bad]}
    assert fresh(again).status == BackfillStatus.COMPLETED_SUCCESS
    with pytest.raises(InvalidError, match="nothing to retry"):
        retry(visible(served), done, actor=served.actor)


def test_only_what_is_missing_or_failed_of_several_assets(served: Cast) -> None:
    end_all(launch(served, "raw", choice=THREE), failing=["2026-01-02"])
    end_all(launch(served, "clean", choice=Choice(keys=["2026-01-02"])), failing=["2026-01-02"])

    failed = launch(served, "raw", "clean", choice=Choice(only=Only.FAILED))
    assert set(partitions(failed)) == {("raw", "2026-01-02"), ("clean", "2026-01-02")}
    in_range = launch(served, "raw", choice=Choice(ranges=JANUARY.ranges, only=Only.MISSING))
    assert len(partitions(in_range)) == 28
    assert len(partitions(launch(served, "clean", choice=Choice(latest=True)))) == 1
    with pytest.raises(InvalidError, match="none of these partitions is failed"):
        launch(served, "daily", choice=Choice(only=Only.FAILED))


def test_a_run_that_is_made_again_stands_for_the_partition(served: Cast) -> None:
    backfill = launch(served, "clean", "daily", choice=Choice(keys=["2026-01-01", "2026-01-02"]))
    go(backfill)
    first, second = runs(backfill)
    end(first, RunStatus.FAILURE)
    go(backfill)
    assert partitions(backfill)["clean", "2026-01-01"] == "failed"
    again = reexecute_run(org_id=served.org_id, run_id=first.id, from_failure=False, actor=served.actor)
    go(backfill)
    assert partitions(backfill)["clean", "2026-01-01"] == "requested"
    end(again)
    end(second)
    assert end_all(backfill).status == BackfillStatus.COMPLETED_SUCCESS


def test_pause_resume_and_cancel(served: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.automation.backfills.launching.QUEUED_MAX", 5)
    backfill = launch(served, "raw", choice=JANUARY)
    go(backfill)
    assert len(runs(backfill)) == 5, "no more than that wait in the queue"
    control.pause(visible(served), backfill, actor=served.actor)
    for run in runs(backfill):
        end(run)
    assert go(backfill).counts == {"materialized": 5, "targeted": 26}
    assert len(runs(backfill)) == 5
    control.resume(visible(served), backfill, actor=served.actor)
    go(backfill)
    assert len(runs(backfill)) == 10

    control.change(visible(served), backfill, actor=served.actor, priority=7, title="January")
    assert {run.priority for run in runs(backfill, status=RunStatus.QUEUED)} == {7}
    running = runs(backfill, status=RunStatus.QUEUED)[0]
    with org_scope(served.org_id):
        move_run(org_id=served.org_id, run_id=running.id, status=RunStatus.STARTING)
        move_run(org_id=served.org_id, run_id=running.id, status=RunStatus.STARTED)
    canceled = control.cancel(visible(served), backfill, actor=served.actor)
    assert canceled.status == BackfillStatus.CANCELING
    assert not runs(backfill, status=RunStatus.QUEUED)
    assert [run.id for run in runs(backfill, status=RunStatus.CANCELING)] == [running.id]
    assert go(backfill).status == BackfillStatus.CANCELING
    with org_scope(served.org_id):
        move_run(org_id=served.org_id, run_id=running.id, status=RunStatus.CANCELED)
    over = go(backfill)
    assert over.status == BackfillStatus.CANCELED
    assert over.counts == {"materialized": 5, "canceled": 26}
    with pytest.raises(ConflictError):
        control.pause(visible(served), backfill, actor=served.actor)


def test_a_job_of_ops_has_a_run_for_each_partition(served: Cast) -> None:
    backfill = launch(served, job="nightly", location="shop", choice=THREE)
    done = end_all(backfill, failing=["2026-01-03"])
    assert [run.partition_key for run in runs(backfill)] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert done.counts == {"materialized": 2, "failed": 1}
    again = retry(visible(served), done, actor=served.actor)
    assert end_all(again).counts == {"materialized": 1}


def test_a_freeze_makes_it_wait_and_new_code_does_not_end_it(served: Cast) -> None:
    backfill = launch(served, "clean", "daily", choice=THREE)
    freeze(org_id=served.org_id, deployment_id=served.deployment.id, reason="a look", actor=served.actor)
    waiting = go(backfill)
    assert "frozen" in waiting.waiting
    assert not runs(backfill)
    thaw(org_id=served.org_id, deployment_id=served.deployment.id, actor=served.actor)
    go(backfill)
    for run in runs(backfill):
        end(run)

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-02", end_date="2026-02-01"), deps=["clean"])
    def daily() -> None: ...

    serve(served, dg.Definitions([daily]), "reports")
    done = end_all(backfill)
    assert done.status == BackfillStatus.COMPLETED_FAILED
    assert done.counts == {"materialized": 5, "skipped": 1}
    assert partitions(backfill)["daily", "2026-01-01"] == "skipped"


@pytest.mark.parametrize(
    ("assets", "choice", "words"),
    [
        (["nobody"], THREE, "nobody"),
        (["raw"], Choice(keys=["2025-01-01"]), "they go from"),
        (["raw"], Choice(ranges=[("2026-01-05", "2026-01-01")]), "nothing between"),
        (["summary"], THREE, "None of these assets has partitions"),
        (["raw", "monthly"], Choice(keys=["2026-01-05"], only=Only.FAILED), "other partitions|different partitions"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_starts(
    served: Cast, assets: list[str], choice: Choice, words: str
) -> None:
    with pytest.raises(Exception, match=words):
        launch(served, *assets, choice=choice)


def test_a_plan_that_comes_late_or_twice_launches_nothing(served: Cast) -> None:
    backfill = launch(served, "raw", choice=THREE)
    plan = plan_of_assets(backfill)
    assert store_plan(backfill, plan)
    assert not store_plan(backfill, plan)
    with pytest.raises(PlanMismatchError):
        store_plan(fresh(backfill), plan)
    go(backfill)
    assert all(len(found) == 1 for found in once(backfill).values())


def test_a_slow_plan_counts_though_something_ended_meanwhile(served: Cast) -> None:
    backfill = go(launch(served, "clean", "daily", choice=THREE))
    first, second, *_more = runs(backfill)
    end(first)
    planned = look(served.org_id, backfill.id)
    assert planned is not None
    plan = plan_of_assets(planned)
    end(second)
    assert look(served.org_id, backfill.id) is not None
    assert store_plan(planned, plan)
    assert fresh(backfill).needs_plan, "what ended meanwhile is planned next"
    go(backfill)
    assert [key for asset, key in once(backfill) if asset == "daily"] == ["2026-01-01", "2026-01-02"]


def test_looks_at_the_same_time_launch_each_partition_once(served: Cast) -> None:
    backfill = launch(served, "raw", choice=Choice(ranges=[("2026-01-01", "2026-01-10")]))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: with_connections_returned(go, backfill), range(6)))
    go(backfill)
    assert sorted(key or "" for _asset, key in once(backfill)) == [f"2026-01-{day:02}" for day in range(1, 11)]
    assert all(len(found) == 1 for found in once(backfill).values())


def test_a_lost_checkpoint_is_seen(served: Cast) -> None:
    """The control: when rows forget what they asked for, partitions are launched again, and the check above fails."""
    backfill = launch(served, "raw", choice=THREE)
    go(backfill)
    with org_scope(served.org_id):
        rows = BackfillPartition.objects.for_org(served.org_id).filter(backfill_id=backfill.id)
        rows.update(state="targeted", request_id=None, run_id=None)
        Backfill.objects.for_org(served.org_id).update(needs_plan=True, planned_at=None)
    go(backfill)
    assert all(len(found) == 2 for found in once(backfill).values())


def test_two_thousand_partitions_are_planned_at_once(cast: Cast) -> None:
    serve(cast, shop(dg.DailyPartitionsDefinition("2020-01-01", end_date="2025-06-23")))
    began = time.monotonic()
    backfill = launch(cast, "raw", "clean", choice=Choice())
    requested = time.monotonic() - began
    assert sum(backfill.counts.values()) == 4000
    began = time.monotonic()
    plan = plan_of_assets(backfill)
    store_plan(backfill, plan)
    planned = time.monotonic() - began
    print(f"requested in {requested:.1f} s, planned in {planned:.1f} s")  # noqa: T201 - the figure, where it is wanted
    assert len(plan.runs) == 2000


def retried(backfill: Backfill, run: Run) -> None:
    """It failed, and is to be tried again by itself, now."""
    end(run, RunStatus.FAILURE)
    with org_scope(backfill.org_id):
        Run.objects.for_org(backfill.org_id).filter(id=run.id).update(retry_verdict=Verdict.DUE, retry_at=Now())


def test_a_run_that_is_to_be_retried_is_not_over(served: Cast) -> None:
    backfill = launch(served, "raw", choice=Choice(keys=["2026-01-01"]))
    go(backfill)
    [run] = runs(backfill)
    retried(backfill, run)

    assert go(backfill).status == BackfillStatus.REQUESTED
    retries.launch_due()
    [again] = runs(backfill, status=RunStatus.QUEUED)
    end(again)
    over = go(backfill)

    assert (over.status, over.counts) == (BackfillStatus.COMPLETED_SUCCESS, {"materialized": 1})


def test_no_retry_comes_after_a_backfill_was_cancelled(served: Cast) -> None:
    backfill = launch(served, "raw", choice=Choice(keys=["2026-01-01", "2026-01-02"]))
    go(backfill)
    retried(backfill, runs(backfill)[0])

    control.cancel(visible(served), backfill, actor=served.actor)
    go(backfill)
    retries.launch_due()

    assert not runs(backfill, status=RunStatus.QUEUED)
    assert go(backfill).status == BackfillStatus.CANCELED


def test_a_backfill_is_retried_once_at_a_time(served: Cast) -> None:
    backfill = launch(served, "raw", choice=Choice(keys=["2026-01-01"]))
    go(backfill)
    end(runs(backfill)[0], RunStatus.FAILURE)
    over = go(backfill)
    retry(visible(served), over, actor=served.actor)

    with pytest.raises(ConflictError, match="goes on already"):
        retry(visible(served), over, actor=served.actor)
