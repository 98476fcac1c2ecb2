"""A deployment with a queue: limits by tag and pool, holders, runs that wait for each, and a failed run with its verdict."""

from tests.runs.scripts import Stage
from tests.runs.test_limits import configure, pooled_stage
from tests.runs.test_retries import failing


def make_queue() -> Stage:
    stage = pooled_stage()
    limits = [{"key": "team", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}]
    configure(stage, {"runs": {"tag_concurrency_limits": limits}, "pools": {"granularity": "run", "default_limit": 1}})
    failing(stage, "c", assets=["c"])
    stage.request(assets=["c"], tags={"team": "data"})
    stage.request(assets=["a"])
    stage.claim(9)
    for priority in ("5", "0", "0"):
        stage.request(assets=["b"], tags={"dagster/priority": priority})
        stage.request(assets=["c"], tags={"team": "data", "dagster/priority": priority})
    stage.request(assets=["c"])
    return stage
