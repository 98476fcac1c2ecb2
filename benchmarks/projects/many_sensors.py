"""Five hundred sensors, evaluated every 30 seconds; each twentieth hangs, and the others ask for a run each tenth time."""

import time

import dagster as dg

SENSORS, EVERY, HANGS, RUNS = 500, 30, 20, 10


@dg.op
def nothing() -> None:
    pass


@dg.job
def quick() -> None:
    nothing()


def sensor_of(number: int) -> dg.SensorDefinition:
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if number % HANGS == 0:
            time.sleep(3600)
        count = int(context.cursor or number) + 1
        requests = [dg.RunRequest(run_key=f"{number}-{count}")] if count % RUNS == 0 else []
        return dg.SensorResult(run_requests=requests, cursor=str(count))

    return dg.SensorDefinition(
        name=f"sensor_{number}",
        evaluation_fn=evaluate,
        job=quick,
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


defs = dg.Definitions(jobs=[quick], sensors=[sensor_of(number) for number in range(SENSORS)])
