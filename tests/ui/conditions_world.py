"""Assets with automation conditions that were really evaluated: one requested, one with partitions, one that fails."""

import dagster as dg

from controlplane.automation.conditions import services
from tests.automation import conftest as _path  # noqa: F401 - puts the code worker's package on the path
from tests.automation.stage import Stage
from tests.cast import Cast, make_cast

AC = dg.AutomationCondition
DAILY = dg.DailyPartitionsDefinition("2026-11-01")


def _asset(name: str, *deps: str, **given: object) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps), **given)
    def made() -> None: ...

    return made


def make_conditions(*, paused: bool = False) -> Cast:
    """Everything of `shop`, after an update of `orders`."""
    stage = Stage(make_cast("conditions"))
    berlin = dg.DailyPartitionsDefinition("2026-11-10", timezone="Europe/Berlin")
    assets = [
        _asset("orders"),
        _asset("customers"),
        _asset("revenue", "orders", "customers", automation_condition=AC.eager()),
        _asset("report", "revenue", automation_condition=AC.on_cron("0 6 * * *")),
        _asset("days", partitions_def=DAILY),
        _asset(
            "totals", "days", partitions_def=DAILY, automation_condition=AC.eager().without(AC.in_latest_time_window())
        ),
        _asset("berlin", partitions_def=berlin),
        _asset("broken", "berlin", partitions_def=DAILY, automation_condition=AC.eager()),
    ]
    stage.load("shop", dg.Definitions(assets))
    stage.settle(3)
    stage.made("customers")
    stage.made("orders")
    for day in range(2, 12):
        stage.made("days", partition=f"2026-11-{day:02}")
    stage.settle(3)
    if paused:
        services.pause(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    return stage.cast
