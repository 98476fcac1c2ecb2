"""Instances built once in the worker: their configuration is parsed and checked there, not in the process of each run or call."""

from typing import Any

from dagster import DagsterInstance

from daggerboard_worker.instance import instance_ref, open_instance

# By the kind of process that sees it: only that of a run keeps log files.
_prepared: dict[bool, DagsterInstance] = {}
# Each process puts its own in its place; without one there is no manager of log files.
_SOME_RUN = "prepared"


def prepare_instances(*, socket_path: str, storage_dir: str) -> None:
    """In the worker, before it forks. They talk to nobody before they are given to a run or call."""
    for is_run in (True, False):
        ref = instance_ref(
            socket_path=socket_path,
            subject="",
            run_id=_SOME_RUN if is_run else None,
            attempt_dir="",
            storage_dir=storage_dir,
        )
        instance = _prepared[is_run] = open_instance(ref)
        # Built on first use, which would be each child's.
        _ = instance.compute_log_manager


def prepared_instance(ref: Any, *, subject: str, run_id: str | None, attempt_dir: str) -> DagsterInstance | None:
    """The one that the worker prepared, as if it had been made of `ref`; None where it prepared none."""
    instance = _prepared.get(run_id is not None)
    if instance is None:
        return None
    instance._ref = ref
    parts = [instance.run_storage, instance.event_log_storage, instance.schedule_storage]
    if run_id is not None:
        parts.append(instance.compute_log_manager)
    for part in parts:
        # They are ours: AgentBacked.
        part.subject, part.run_id, part.attempt_dir = subject, run_id, attempt_dir  # type: ignore[union-attr]
    return instance
