"""Backfills to look at: over with failures, under way, waiting; and dynamic partitions."""

from dataclasses import dataclass

import tests.automation.conftest  # noqa: F401 - finds the code worker's package
from controlplane.automation.models import Backfill
from tests.cast import Cast, make_cast


@dataclass(frozen=True)
class Backfills:
    """The organization, and a backfill of each fate."""

    cast: Cast
    failed: Backfill
    going: Backfill


def make_backfills() -> Backfills:
    """Two assets of 60 days, in two code locations, and a definition of places."""
    import dagster as dg

    from controlplane.automation.backfills import control
    from controlplane.automation.backfills.choice import Choice
    from controlplane.catalog import dynamic_partitions
    from controlplane.runs.states import RunStatus
    from tests.automation import backfill_world as world

    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-03-02")
    places = dg.DynamicPartitionsDefinition(name="places")

    @dg.asset(partitions_def=days)
    def orders() -> None: ...

    @dg.asset(partitions_def=days, deps=[orders], backfill_policy=dg.BackfillPolicy.multi_run(5))
    def revenue() -> None: ...

    @dg.asset(partitions_def=places)
    def visits() -> None: ...

    @dg.asset(
        partitions_def=dg.MultiPartitionsDefinition(
            {"day": days, "region": dg.StaticPartitionsDefinition(["eu", "us"])}
        )
    )
    def by_region() -> None: ...

    @dg.op
    def work() -> None: ...

    @dg.job(partitions_def=days)
    def nightly() -> None:
        work()

    cast = make_cast("backfills")
    world.serve(cast, dg.Definitions([orders, revenue, visits, by_region], jobs=[nightly]))
    visible = world.visible(cast)
    dynamic_partitions.add(visible, "places", ["Amsterdam", "Berlin", "Copenhagen"], actor=cast.actor)
    week = Choice(ranges=[("2026-01-01", "2026-01-12")])
    failed = world.launch(cast, "orders", "revenue", choice=week, title="January, with the corrected rates")
    world.end_all(failed, failing=["2026-01-04", "2026-01-05"])
    going = world.launch(cast, "orders", "revenue", priority=3)
    world.go(going)
    for number, run in enumerate(world.runs(going)[:30]):
        world.end(run, RunStatus.FAILURE if number % 9 == 4 else RunStatus.SUCCESS)
    world.go(going)
    paused = world.launch(cast, job="nightly", location="shop", choice=week)
    control.pause(visible, paused, actor=cast.actor)
    return Backfills(cast, world.fresh(failed), world.fresh(going))
