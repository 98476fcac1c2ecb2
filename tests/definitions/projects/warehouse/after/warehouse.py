"""A project as the branch has it."""

import datetime

import dagster as dg

DAILY = dg.DailyPartitionsDefinition(start_date="2026-01-01")
ON_CHANGE = dg.AutomationCondition.eager()


class Warehouse(dg.ConfigurableResource):
    schema_name: str


@dg.asset(code_version="2")
def versioned() -> int:
    return 1


@dg.asset(deps=[versioned])
def below_versioned() -> None: ...


@dg.asset(deps=[below_versioned])
def far_below_versioned() -> None: ...


@dg.asset
def other_source() -> int:
    return 2


@dg.asset(deps=[other_source])
def rewired() -> None: ...


@dg.asset(partitions_def=dg.HourlyPartitionsDefinition(start_date="2026-01-01-00:00"))
def partitioned() -> None: ...


@dg.asset(
    partitions_def=dg.MultiPartitionsDefinition({"day": DAILY, "region": dg.StaticPartitionsDefinition(["eu", "us"])})
)
def multi() -> None: ...


@dg.asset(tags={"tier": "2"})
def tagged() -> None: ...


@dg.asset(deps=[tagged])
def below_tagged() -> None: ...


@dg.asset(metadata={"docs": "new"}, owners=["team:core"], description="New words.", kinds={"python"}, group_name="core")
def described() -> None: ...


@dg.asset(automation_condition=dg.AutomationCondition.on_cron("0 6 * * *"))
def automated() -> None: ...


@dg.asset(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=datetime.timedelta(hours=12)))
def fresh() -> None: ...


@dg.asset
def below_removed() -> None: ...


@dg.asset(deps=[below_removed])
def far_below_removed() -> None: ...


@dg.asset(automation_condition=ON_CHANGE, partitions_def=DAILY, tags={"kept": "yes"}, metadata={"docs": "kept"})
def untouched() -> None: ...


@dg.asset(deps=[untouched])
def added() -> None: ...


@dg.asset_check(asset=versioned, blocking=True)
def made_blocking() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=versioned)
def unchanged_check() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=added)
def added_check() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.op
def load() -> int:
    return 1


@dg.op
def publish(rows: int) -> None: ...


@dg.op(config_schema={"limit": int, "offset": int})
def configured(context) -> None: ...


@dg.job
def of_ops() -> None:
    publish(load())
    load()


@dg.job
def with_config() -> None:
    configured()


@dg.job(tags={"team": "core"})
def tagged_job() -> None:
    load()


@dg.job
def added_job() -> None:
    load()


of_assets = dg.define_asset_job("of_assets", selection=["versioned", "tagged"])
steady = dg.define_asset_job("steady", selection=["untouched"])


@dg.sensor(job=of_ops, minimum_interval_seconds=30)
def watcher(context): ...


@dg.sensor(job=of_ops)
def steady_sensor(context): ...


defs = dg.Definitions(
    assets=[
        versioned,
        below_versioned,
        far_below_versioned,
        other_source,
        rewired,
        partitioned,
        multi,
        tagged,
        below_tagged,
        described,
        automated,
        fresh,
        added,
        below_removed,
        far_below_removed,
        untouched,
    ],
    asset_checks=[made_blocking, unchanged_check, added_check],
    jobs=[of_ops, with_config, tagged_job, added_job, of_assets, steady],
    schedules=[
        dg.ScheduleDefinition(
            name="nightly", job=of_ops, cron_schedule="0 1 * * *", execution_timezone="Europe/Berlin"
        ),
        dg.ScheduleDefinition(name="retargeted", job=tagged_job, cron_schedule="0 3 * * *"),
        dg.ScheduleDefinition(name="steady_schedule", job=steady, cron_schedule="0 4 * * *"),
        dg.ScheduleDefinition(name="added_schedule", job=of_ops, cron_schedule="0 5 * * *"),
    ],
    sensors=[watcher, steady_sensor],
    resources={"warehouse": Warehouse(schema_name="branch"), "steady_resource": Warehouse(schema_name="prod")},
)
