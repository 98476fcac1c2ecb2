"""Schedules and sensors to look at: a few of every fate, or five hundred."""

from typing import Any

from tests.automation.ticking import Stage, minutes_ago, schedule, sensor
from tests.cast import make_cast
from tests.factories import asset, make_agent

ERROR = {
    "cls": "ConnectionError",
    "message": "ConnectionError: the source is away\n",
    "stack": ['  File "shop/sensors.py", line 12, in failing\n    raise ConnectionError("the source is away")\n'],
    "cause": None,
    "context": None,
}


def make_automation() -> Stage:
    """Ticks of every outcome."""
    cast = make_cast("automation")
    stage = Stage(cast, make_agent(cast, "office-server"))
    stage.deploy(
        schedule("nightly_orders", "0 2 * * *", timezone="Europe/Berlin", description="Everything, **every night**."),
        schedule("on_weekdays", ["0 9 * * 1-5", "30 17 * * 5"], default_status="STOPPED"),
        sensor("new_files", min_interval_seconds=30.0, description="Looks for new files."),
        sensor("failing", jobs=[], assets=[["raw", "orders"]]),
        sensor("conditions", sensor_type="AUTOMATION", jobs=[], assets=[["raw", "orders"]]),
        assets=[asset("raw/orders"), asset("report", "raw/orders")],
    )
    fill(stage)
    return stage


def fill(stage: Stage) -> None:
    """Ticks of the last minutes."""
    for number in range(6):
        at = minutes_ago(20 - number)
        stage.tick("new_files", _answer(number), at=at)
        stage.due("failing", at=at)
        stage.fire("failing")
        stage.answer(stage.questions()[-1], {"log": [[1.0, 20, "asking the source"]]}, error=ERROR)


def _answer(number: int) -> dict[str, Any]:
    if number % 3:
        return {"skip": "Nothing new.", "cursor": str(number), "log": [[1.0, 20, "looked"]]}
    requests = [{"run_key": f"file-{number}", "job": "nightly"}]
    return {"requests": requests, "cursor": str(number), "log": [[1.0, 20, "found one"], [2.0, 30, "it is large"]]}


def make_crowd() -> Stage:
    """Five hundred sensors."""
    cast = make_cast("crowd")
    stage = Stage(cast, make_agent(cast, "office-server"))
    stage.deploy(*[sensor(f"sensor_{number:03}", default_status="STOPPED") for number in range(500)])
    return stage
