"""Assets of every kind that the code worker has to carry."""

import logging
import os
import sys
import time

import dagster as dg

daily = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="Europe/Berlin")
weekly = dg.WeeklyPartitionsDefinition(start_date="2025-01-06", timezone="Europe/Berlin")
regions = dg.StaticPartitionsDefinition(["us", "eu", "apac"])
files = dg.DynamicPartitionsDefinition(name="files")
region_day = dg.MultiPartitionsDefinition({"day": daily, "region": regions})


class Warehouse(dg.ConfigurableResource):
    dsn: str
    pool_size: int = 3


class OrderConfig(dg.Config):
    limit: int = 10


erp_export = dg.AssetSpec("erp_export", group_name="external", description="Owned elsewhere", kinds={"sftp"})


@dg.asset(
    group_name="raw",
    partitions_def=daily,
    kinds={"python", "postgres"},
    owners=["team:data", "a@b.co"],
    tags={"pii": "true"},
    code_version="3",
    deps=[erp_export],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=0.05),
    metadata={"docs": dg.MetadataValue.url("https://example.org/orders"), "priority": 2},
)
def raw_orders(context: dg.AssetExecutionContext, config: OrderConfig, warehouse: Warehouse) -> dg.MaterializeResult:
    """Raw orders, one file per day."""
    context.log.info("pulling %s orders for %s", config.limit, context.partition_key)
    return dg.MaterializeResult(
        metadata={
            "rows": config.limit,
            "preview": dg.MetadataValue.md("|a|b|\n|-|-|\n|1|2|"),
            "path": dg.MetadataValue.path("/data/x"),
            "schema": dg.TableSchema(columns=[dg.TableColumn("id", "int"), dg.TableColumn("amount", "float")]),
            "nested": {"a": [1, 2, {"b": None}]},
            "ratio": 1.5,
        },
        data_version=dg.DataVersion("v-" + context.partition_key),
    )


@dg.asset(group_name="raw", kinds={"python"})
def raw_customers(context) -> list:
    print("hello from stdout")
    print("and from stderr", file=sys.stderr)
    os.system("echo hello from a subprocess")
    logging.getLogger("thirdparty").warning("python logging line")
    return [1, 2, 3]


@dg.asset(group_name="staging", partitions_def=daily, deps=[raw_orders], code_version="1")
def stg_orders(context):
    return {"day": context.partition_key}


@dg.asset(group_name="staging")
def stg_customers(raw_customers):
    return raw_customers


@dg.multi_asset(
    group_name="staging",
    can_subset=True,
    specs=[
        dg.AssetSpec("region_us", skippable=True, kinds={"dbt"}),
        dg.AssetSpec("region_eu", skippable=True, deps=["region_us"]),
        dg.AssetSpec("region_apac", skippable=True, deps=[stg_customers]),
    ],
)
def split_regions(context: dg.AssetExecutionContext):
    for key in sorted(context.selected_asset_keys, key=lambda key: key.to_user_string(), reverse=True):
        yield dg.MaterializeResult(asset_key=key, metadata={"n": 1})


@dg.asset(group_name="marts", partitions_def=daily, automation_condition=dg.AutomationCondition.eager())
def daily_revenue(context, stg_orders, stg_customers):
    return len(stg_customers)


@dg.asset(
    group_name="marts",
    partitions_def=weekly,
    deps=[
        dg.AssetDep(
            daily_revenue,
            partition_mapping=dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True),
        )
    ],
    automation_condition=dg.AutomationCondition.on_cron("0 6 * * 1"),
)
def weekly_report(context):
    return str(context.partition_time_window)


@dg.asset(group_name="ml", automation_condition=dg.AutomationCondition.eager())
def customer_value(stg_customers):
    return len(stg_customers)


@dg.asset(group_name="ml", partitions_def=region_day)
def region_day_metrics(context):
    return dict(context.partition_key.keys_by_dimension)


@dg.asset(group_name="files", partitions_def=files)
def file_ingest(context):
    return context.partition_key


@dg.asset(group_name="ops", retry_policy=dg.RetryPolicy(max_retries=2, delay=0.05))
def flaky(context):
    if context.retry_number < 1:
        raise ValueError(f"attempt {context.retry_number} fails")
    return 1


def look_up():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("inner wrapped") from error


@dg.asset(group_name="ops")
def failing(context):
    look_up()


@dg.asset(group_name="ops", deps=[failing])
def after_failing():
    return 1


@dg.asset(group_name="ops")
def intentional_failure():
    raise dg.Failure("nope", metadata={"why": "because", "n": 3}, allow_retries=False)


@dg.asset(group_name="ops")
def burner():
    started = time.process_time()
    block = bytearray(60_000_000)
    while time.process_time() - started < 0.4:
        sum(range(1000))
    return len(block)


@dg.asset(group_name="ops")
def slow(context):
    for number in range(600):
        context.log.info("tick %d", number)
        time.sleep(0.05)


class SilenceConfig(dg.Config):
    until_file: str = ""


@dg.asset(group_name="ops")
def silent_sleeper(context: dg.AssetExecutionContext, config: SilenceConfig):
    context.log.info("about to be silent")
    deadline = time.monotonic() + 3

    def is_over() -> bool:
        return os.path.exists(config.until_file) if config.until_file else time.monotonic() >= deadline

    while not is_over():
        # Nobody else of the process computes meanwhile, but when the interpreter makes it.
        for _ in range(1000):
            sum(range(10_000))


@dg.asset(group_name="ops")
def killed():
    os.kill(os.getpid(), 9)


@dg.asset(group_name="ops")
def trivial():
    return dg.MaterializeResult(metadata={"n": 1})


class LineConfig(dg.Config):
    lines: int = 1000


@dg.asset(group_name="ops")
def talkative(context: dg.AssetExecutionContext, config: LineConfig):
    for number in range(config.lines):
        context.log.info("line %d", number)


@dg.op
def one(context) -> int:
    return 1


@dg.op
def add_one(x: int) -> int:
    return x + 1


@dg.graph_asset(group_name="ops")
def graph_built():
    return add_one(one())


@dg.asset_check(asset=stg_orders, blocking=True, description="no nulls")
def orders_have_no_nulls():
    return dg.AssetCheckResult(passed=True, metadata={"nulls": 0})


@dg.asset_check(asset=raw_customers)
def enough_customers(raw_customers):
    return dg.AssetCheckResult(
        passed=len(raw_customers) > 10,
        severity=dg.AssetCheckSeverity.WARN,
        description="too few",
        metadata={"count": len(raw_customers)},
    )
