"""Schedules and sensors of every kind, for the tests of ticks."""

import datetime
import os
import subprocess
import sys
import time

import dagster as dg

try:
    from dagster._core.definitions.partitions.mapping import UpstreamPartitionsResult
except ImportError:  # before 1.11
    from dagster._core.definitions.partition_mapping import UpstreamPartitionsResult

daily = dg.DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")
regions = dg.StaticPartitionsDefinition(["eu", "us"])
files = dg.DynamicPartitionsDefinition(name="files")


class Shelf(dg.ConfigurableResource):
    name: str

    def newest(self) -> str:
        return f"{self.name}/42"


@dg.asset(partitions_def=daily)
def by_day():
    return 1


@dg.asset(partitions_def=regions)
def by_region():
    return 1


@dg.asset(partitions_def=files)
def by_file():
    return 1


class Backwards(dg.PartitionMapping):
    """One that only this code knows."""

    def get_upstream_mapped_partitions_result_for_partitions(
        self, downstream_partitions_subset, downstream_partitions_def, upstream_partitions_def, *_args, **_named
    ):
        keys = [key[::-1] for key in downstream_partitions_subset.get_partition_keys()]
        return UpstreamPartitionsResult(
            partitions_subset=upstream_partitions_def.subset_with_partition_keys(keys),
            required_but_nonexistent_subset=upstream_partitions_def.empty_subset(),
        )

    def get_downstream_partitions_for_partitions(
        self, upstream_partitions_subset, upstream_partitions_def, downstream_partitions_def, *_args, **_named
    ):
        keys = [key[::-1] for key in upstream_partitions_subset.get_partition_keys()]
        return downstream_partitions_def.subset_with_partition_keys(keys)

    def validate_partition_mapping(self, *_args, **_named):
        pass

    @property
    def description(self):
        return "backwards"


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["ue", "su"]),
    deps=[dg.AssetDep(by_region, partition_mapping=Backwards())],
)
def mirrored():
    return 1


@dg.asset
def plain():
    return 1


@dg.asset_check(asset=plain)
def plain_is_fine():
    return dg.AssetCheckResult(passed=True)


day_job = dg.define_asset_job("day_job", selection=[by_day], tags={"team": "etl"})
plain_job = dg.define_asset_job("plain_job", selection=[plain])


@dg.static_partitioned_config(["a", "b"], tags_for_partition_key_fn=lambda key: {"letter": key.upper()})
def letters(key: str):
    return {"ops": {"spell": {"config": {"letter": key}}}}


@dg.op(config_schema={"letter": str})
def spell(context):
    return context.op_config["letter"]


@dg.job(config=letters)
def letter_job():
    spell()


partitioned = dg.build_schedule_from_partitioned_job(day_job, hour_of_day=5)


@dg.schedule(cron_schedule="0 * * * *", job=plain_job, execution_timezone="Europe/Berlin")
def hourly(context: dg.ScheduleEvaluationContext, shelf: Shelf):
    context.log.info("due %s", context.scheduled_execution_time)
    print("printed", os.environ["DAGGERBOARD_DEPLOYMENT"], flush=False)
    subprocess.run([sys.executable, "-c", "print('from a subprocess')"], check=True)
    context.log.warning("later")
    return dg.RunRequest(
        run_key=context.scheduled_execution_time.isoformat(),
        run_config={"newest": shelf.newest()},
        tags={"from": "hourly"},
    )


on_assets = dg.ScheduleDefinition(name="on_assets", cron_schedule="@daily", target=[plain])


@dg.sensor(jobs=[plain_job, day_job])
def counting(context: dg.SensorEvaluationContext):
    seen = int(context.cursor or 0)
    context.update_cursor(str(seen + 1))
    if seen == 2:
        return dg.SkipReason(f"last key {context.last_run_key}")
    return [
        dg.RunRequest(run_key=f"a{seen}", job_name="plain_job"),
        dg.RunRequest(run_key=f"b{seen}", job_name="day_job", partition_key="2026-01-02"),
    ]


@dg.sensor(target=[plain, by_file])
def arriving(context: dg.SensorEvaluationContext):
    return dg.SensorResult(
        run_requests=[dg.RunRequest(asset_selection=[dg.AssetKey("by_file")], partition_key="new.csv")],
        dynamic_partitions_requests=[files.build_add_request(["new.csv"]), files.build_delete_request(["old.csv"])],
        cursor="after new.csv",
        asset_events=[
            dg.AssetMaterialization("upstream_of_all", metadata={"rows": 3}),
            dg.AssetObservation("seen", tags={"dagster/data_version": "7"}),
            dg.AssetCheckEvaluation(asset_key=dg.AssetKey("plain"), check_name="outside", passed=False),
        ],
    )


@dg.sensor(target=[plain])
def stale_only(context):
    return dg.RunRequest(stale_assets_only=True)


@dg.asset_sensor(asset_key=dg.AssetKey("plain"), job=day_job)
def on_plain(context, asset_event):
    return dg.RunRequest(run_key=asset_event.run_id, partition_key="2026-01-03")


@dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("plain"), dg.AssetKey("by_day")], job=plain_job)
def on_several(context: dg.MultiAssetSensorEvaluationContext):
    records = context.latest_materialization_records_by_key()
    fresh = [key.to_user_string() for key, record in records.items() if record is not None]
    context.advance_all_cursors()
    return dg.SkipReason(f"fresh: {fresh}")


@dg.run_failure_sensor
def on_failure(context: dg.RunFailureSensorContext):
    context.log.error("failed: %s", context.failure_event.message)
    if context.dagster_run.tags.get("page") == "nobody":
        raise RuntimeError("the pager is broken")


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=plain_job)
def after_success(context):
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@dg.sensor(job=plain_job)
def failing(context):
    context.log.info("about to fail")
    try:
        {}["nothing"]
    except KeyError as error:
        raise ValueError("the source is away") from error


@dg.sensor(job=plain_job)
def leaving(context):
    sys.exit("no configuration")


@dg.sensor(job=plain_job)
def hanging(context):
    subprocess.Popen(["sleep", "1000"])
    time.sleep(1000)


@dg.sensor(job=plain_job)
def asking_too_much(context):
    context.instance.all_instigator_state()


@dg.sensor(job=plain_job)
def launching(context):
    dg.DagsterInstance.get().create_run_for_job(letter_job, run_config={"ops": {"spell": {"config": {"letter": "a"}}}})


@dg.sensor(job=plain_job)
def finding_the_instance(context):
    return dg.SkipReason(str(dg.DagsterInstance.get().get_dynamic_partitions("files")))


@dg.sensor(job=plain_job)
def shouting(context):
    for number in range(5000):
        context.log.info("line %s %s", number, "x" * 100)
    print("y" * 1_000_000)


@dg.sensor(job=plain_job)
def enormous(context):
    context.log.info("so many")
    return [dg.RunRequest(run_key=f"{number}", run_config={"text": "x" * 1000}) for number in range(10_000)]


@dg.sensor(job=plain_job)
def unstorable(context):
    return dg.RunRequest(run_key="k", run_config={"ops": {"a": [1, {"day": datetime.date(2026, 1, 1)}]}})


@dg.sensor(job=plain_job)
def unstorable_cursor(context):
    context.update_cursor("a\x00b")
    return dg.SkipReason("x")


class Always(dg.AutomationCondition):
    """Python of the user's own."""

    def evaluate(self, context):
        return dg.AutomationResult(context, true_subset=context.candidate_subset)


@dg.asset(partitions_def=regions, automation_condition=Always() & ~dg.AutomationCondition.in_progress())
def by_condition():
    return 1


conditions = dg.AutomationConditionSensorDefinition("conditions", target=[by_condition], use_user_code_server=True)

defs = dg.Definitions(
    assets=[by_day, by_region, by_file, mirrored, plain, by_condition],
    asset_checks=[plain_is_fine],
    jobs=[day_job, plain_job, letter_job],
    schedules=[partitioned, hourly, on_assets],
    sensors=[
        counting,
        arriving,
        stale_only,
        on_plain,
        on_several,
        on_failure,
        after_success,
        failing,
        leaving,
        hanging,
        asking_too_much,
        launching,
        finding_the_instance,
        shouting,
        enormous,
        unstorable,
        unstorable_cursor,
        conditions,
    ],
    resources={"shelf": Shelf(name="top")},
)
