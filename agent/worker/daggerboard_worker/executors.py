"""Which executor runs a job's steps here: in process for one step, forked processes instead of spawned ones for several."""

import copy
from typing import Any

from dagster import JobDefinition
from dagster._core.executor.multiprocess import MultiprocessExecutor

from daggerboard_worker.compat import in_process_like

IN_PROCESS = "in_process"
FORK = "fork"
STOCK_EXECUTORS = ("multi_or_in_process_executor", "multiprocess", "in_process")


def choose_executor(job: JobDefinition, execution: Any, plan: Any) -> str:
    """`in_process`, `fork`, or the name of the user's choice: `spawn`, `forkserver`, or an executor of their own."""
    name = job.executor_def.name
    if name not in STOCK_EXECUTORS:
        return name
    config = dict(execution.execution_engine_config or {})
    if name == "multi_or_in_process_executor":
        ((name, config),) = config.items() if len(config) == 1 else (("multiprocess", {}),)
    if name == "in_process":
        return IN_PROCESS
    start_method = (config or {}).get("start_method")
    if start_method:
        return str(next(iter(start_method)))
    return IN_PROCESS if len(plan.step_keys_to_execute) <= 1 else FORK


def use_executor(job: JobDefinition, choice: str) -> None:
    """Replace the job's executor where we run the steps ourselves; its limits and retries stay. `job` is our own copy."""
    if choice not in (IN_PROCESS, FORK):
        return
    stock = job.executor_def

    def create(context: Any) -> Any:
        executor = stock.executor_creation_fn(context)  # type: ignore[misc]
        if not isinstance(executor, MultiprocessExecutor):
            return executor
        if choice == FORK:
            executor._start_method = "fork"
            return executor
        return in_process_like(executor)

    hosted = copy.copy(stock)
    hosted._executor_creation_fn = create
    job._executor_def = hosted
