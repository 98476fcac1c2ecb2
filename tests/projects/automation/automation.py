"""A project whose sensors count, hang, fail, react, and grow partitions; and a schedule of every minute."""

import time

import dagster as dg

EVERY = 1
places = dg.DynamicPartitionsDefinition(name="places")


@dg.op
def nothing() -> None:
    pass


@dg.job
def quick() -> None:
    nothing()


@dg.asset(partitions_def=places)
def place() -> None:
    pass


@dg.sensor(job=quick, minimum_interval_seconds=EVERY, default_status=dg.DefaultSensorStatus.RUNNING)
def counting(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Each tick asks for one run more; the run key of the last is asked for again."""
    count = int(context.cursor or 0) + 1
    context.log.info("counted to %s", count)
    requests = [dg.RunRequest(run_key=str(number)) for number in (count - 1, count) if number]
    return dg.SensorResult(run_requests=requests, cursor=str(count))


@dg.sensor(
    job=quick,
    minimum_interval_seconds=EVERY,
    default_status=dg.DefaultSensorStatus.RUNNING,
    tags={"daggerboard/tick_timeout": "2"},
)
def hanging(_context: dg.SensorEvaluationContext) -> None:
    time.sleep(3600)


@dg.sensor(job=quick, minimum_interval_seconds=EVERY, default_status=dg.DefaultSensorStatus.RUNNING)
def failing(_context: dg.SensorEvaluationContext) -> None:
    raise ValueError("no bucket")


@dg.sensor(target=[place], minimum_interval_seconds=EVERY)
def growing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """A partition that is not there yet, and a run of it, in one tick."""
    key = f"place-{int(context.cursor or 0) + 1}"
    return dg.SensorResult(
        dynamic_partitions_requests=[places.build_add_request([key])],
        run_requests=[dg.RunRequest(partition_key=key, asset_selection=[dg.AssetKey("place")])],
        cursor=str(int(context.cursor or 0) + 1),
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    minimum_interval_seconds=EVERY,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def reacting(context: dg.RunStatusSensorContext) -> None:
    context.log.info("saw %s", context.dagster_run.run_id)


minutely = dg.ScheduleDefinition(
    name="minutely", job=quick, cron_schedule="* * * * *", execution_timezone="Europe/Berlin"
)

defs = dg.Definitions(
    assets=[place],
    jobs=[quick],
    schedules=[minutely],
    sensors=[counting, hanging, failing, growing, reacting],
)
