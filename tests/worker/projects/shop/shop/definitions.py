"""The sample location of the code worker's tests."""

import dagster as dg

from shop import assets, hostile, instance_assets, jobs

daily_schedule = dg.build_schedule_from_partitioned_job(jobs.daily_job, hour_of_day=2)


@dg.schedule(cron_schedule=["*/15 * * * *"], job=jobs.customer_job, execution_timezone="UTC")
def customer_schedule():
    return dg.RunRequest()


@dg.sensor(job=jobs.customer_job, minimum_interval_seconds=15)
def file_sensor(context):
    return dg.SkipReason("nothing new")


@dg.asset_sensor(asset_key=dg.AssetKey("raw_customers"), job=jobs.customer_job)
def on_customers(context, asset_event):
    return dg.RunRequest()


@dg.run_failure_sensor
def on_failure(context):
    context.log.info("a run failed")


defs = dg.Definitions(
    assets=[assets.erp_export, *dg.load_assets_from_modules([assets, hostile, instance_assets])],
    asset_checks=[assets.orders_have_no_nulls, assets.enough_customers],
    jobs=[
        jobs.daily_job,
        jobs.customer_job,
        jobs.op_job,
        jobs.fan_job,
        jobs.spawn_job,
        jobs.pid_job,
        jobs.limited_job,
        jobs.five_steps,
        jobs.day_job,
        jobs.resumable_job,
    ],
    schedules=[daily_schedule, customer_schedule],
    sensors=[file_sensor, on_customers, on_failure],
    resources={"warehouse": assets.Warehouse(dsn=dg.EnvVar("SHOP_DSN"))},
)
