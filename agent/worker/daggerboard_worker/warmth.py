"""Import in the parent what every child needs, so that no child pays for it."""

import contextlib
import gc
import importlib
from typing import Any

# dagster only: importing what user code chose to import lazily is not ours to do.
MODULES = (
    "dagster._grpc.impl",
    "dagster._core.execution.api",
    "dagster._core.execution.context_creation_job",
    "dagster._core.executor.in_process",
    "dagster._core.executor.multiprocess",
    "dagster._core.storage.fs_io_manager",
    "dagster._core.storage.mem_io_manager",
    "dagster._core.storage.noop_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.run_coordinator",
    "multiprocessing.popen_fork",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "upath",
    "fsspec",
    "fsspec.implementations.local",
    "coloredlogs",
    "yaml",
    "daggerboard_worker.attempts",
    "daggerboard_worker.calls",
    "daggerboard_worker.compute_logs",
    "daggerboard_worker.event_storage",
    "daggerboard_worker.execution",
    "daggerboard_worker.run_storage",
    "daggerboard_worker.schedule_storage",
    "daggerboard_worker.storage_config",
)


def warm_up() -> None:
    # While modules are loaded, the collector would look at all of them again and again: a fifth of the start.
    gc.disable()
    try:
        for name in MODULES:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        evaluate_a_sensor()
        execute_a_run()
    finally:
        gc.enable()


def execute_a_run() -> None:
    # What some release of dagster does otherwise only costs each run a little.
    with contextlib.suppress(Exception):
        from daggerboard_worker.rehearsal import rehearse

        rehearse()


def evaluate_a_sensor() -> None:
    """Dagster compiles the constructors of its records, and patterns of its loggers, at their first use: not in each tick."""
    from dagster import RunRequest, SensorDefinition, SensorResult, SkipReason
    from dagster._core.definitions.sensor_definition import SensorEvaluationContext

    def nothing(_: SensorEvaluationContext) -> SensorResult:
        return SensorResult(run_requests=[], cursor="")

    def skip(_: SensorEvaluationContext) -> SkipReason:
        return SkipReason("")

    RunRequest(run_key="")
    for evaluate in (nothing, skip):
        # What some release of dagster does otherwise only costs each tick a little.
        with contextlib.suppress(Exception), a_context() as context:
            SensorDefinition(name="nothing", evaluation_fn=evaluate, job_name="nothing").evaluate_tick(context)


def a_context() -> Any:
    """That of a tick which nobody asked for, in no instance."""
    from dagster._core.definitions.sensor_definition import SensorEvaluationContext

    context = SensorEvaluationContext(
        None, last_tick_completion_time=None, last_run_key=None, cursor=None, log_key=["nothing"], repository_name=None
    )
    _ = context.log
    return context


def freeze() -> None:
    """Keep the pages of everything loaded so far shared with the children."""
    gc.collect()
    gc.freeze()
