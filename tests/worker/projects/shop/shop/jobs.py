"""Jobs of every kind: assets, ops with dynamic outputs, executors of all sorts, partitioned config."""

import os
import time

import dagster as dg

from shop.assets import daily

daily_job = dg.define_asset_job(
    "daily_job",
    selection=dg.AssetSelection.assets("raw_orders", "stg_orders", "raw_customers", "stg_customers", "daily_revenue"),
    partitions_def=daily,
    tags={"team": "core"},
)
customer_job = dg.define_asset_job(
    "customer_job",
    selection=["raw_customers", "stg_customers", "customer_value"],
    executor_def=dg.in_process_executor,
)


@dg.op(config_schema={"n": dg.Field(int, default_value=2, description="how many")}, out=dg.DynamicOut())
def fan(context):
    for number in range(context.op_config["n"]):
        yield dg.DynamicOutput(number, mapping_key=f"k{number}")


@dg.op
def work(x):
    return x


@dg.op
def collect(xs):
    return sum(xs)


@dg.job(executor_def=dg.in_process_executor)
def op_job():
    collect(fan().map(work).collect())


@dg.job
def fan_job():
    collect(fan().map(work).collect())


@dg.op
def report_pid():
    return os.getpid()


@dg.op
def compare_pids(context, a, b):
    context.log.info("pids %s %s %s", a, b, os.getpid())


@dg.job(executor_def=dg.multiprocess_executor.configured({"start_method": {"spawn": {}}, "max_concurrent": 2}))
def spawn_job():
    compare_pids(report_pid.alias("first")(), report_pid.alias("second")())


@dg.job
def pid_job():
    compare_pids(report_pid.alias("first")(), report_pid.alias("second")())


@dg.op(tags={"database": "small"})
def limited(context):
    started = time.time()
    time.sleep(0.2)
    context.log.info("span %s %s", started, time.time())


LIMITS = {"tag_concurrency_limits": [{"key": "database", "value": "small", "limit": 1}], "max_concurrent": 4}


@dg.job(executor_def=dg.multiprocess_executor.configured(LIMITS))
def limited_job():
    for number in range(3):
        limited.alias(f"limited_{number}")()


@dg.op
def chain_op(x: int) -> int:
    return x + 1


@dg.op
def start_op() -> int:
    return 0


@dg.job
def five_steps():
    value = start_op()
    for number in range(4):
        value = chain_op.alias(f"step_{number}")(value)


@dg.daily_partitioned_config(start_date="2025-01-01")
def by_day(start, _end):
    return {"ops": {"show_day": {"config": {"day": start.strftime("%Y-%m-%d")}}}}


@dg.op(config_schema={"day": str})
def show_day(context):
    context.log.info("day is %s", context.op_config["day"])


@dg.job(config=by_day)
def day_job():
    show_day()


@dg.op
def breaks_once(context, x):
    if context.run.parent_run_id is None:
        raise ValueError("breaks the first time")
    context.log.info("got %s", x)


@dg.job
def resumable_job():
    breaks_once(start_op())
