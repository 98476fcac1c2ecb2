"""Import in the parent what every child needs, so that no child pays for it."""

import contextlib
import gc
import importlib
import os
import tempfile

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
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    open_an_instance()


def open_an_instance() -> None:
    """Entry points, config schemas and caches fill on the first instance; this one talks to nobody."""
    from daggerboard_worker.instance import instance_ref, open_instance

    with tempfile.TemporaryDirectory(prefix="daggerboard-") as folder:
        ref = instance_ref(
            socket_path=os.path.join(folder, "none"),  # noqa: PTH118
            subject="",
            run_id="none",
            attempt_dir=folder,
            storage_dir=folder,
        )
        instance = open_instance(ref)
        _ = instance.event_log_storage, instance.run_storage, instance.compute_log_manager, instance.storage_directory()
        _ = instance.schedule_storage


def freeze() -> None:
    """Keep the pages of everything loaded so far shared with the children."""
    gc.collect()
    gc.freeze()
