"""A DagsterInstance without an agent: the code worker's own storages, answered from one deployment's rows in this process."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daggerboard_worker import in_process
from daggerboard_worker.event_storage import AgentEventStorage
from daggerboard_worker.run_storage import AgentRunStorage
from dagster import DagsterInstance
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage

from controlplane.evaluator.blocking import outside_the_loop
from controlplane.runs.instance_scope import Scope
from controlplane.runs.instance_view import answer_within

# What the storages call themselves towards whoever answers.
_SUBJECT = "evaluator"


class EvaluatorEventStorage(AgentEventStorage):  # type: ignore[misc, unused-ignore]  # dagster's bases are untyped where it is found by path
    """The event log, with what an evaluation of many assets saves by: their plans come with their records."""

    asset_records_have_last_planned_and_failed_materializations = True


@contextmanager
def instance_of(scope: Scope) -> Iterator[DagsterInstance]:
    """The instance as `scope` sees it, until another one is opened. Call it inside org_scope, and use it in there."""
    instance = _instance()
    in_process.answer(_SUBJECT, lambda method, arguments: _answer(scope, method, arguments))
    yield instance


def _answer(scope: Scope, method: str, arguments: dict[str, Any]) -> Any:
    with outside_the_loop():
        return answer_within(lambda: scope, method, arguments)


@functools.cache
def _events() -> EvaluatorEventStorage:
    return EvaluatorEventStorage(**_config())


@functools.cache
def _instance() -> DagsterInstance:
    return DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        # Nothing is written there; dagster wants a place.
        local_artifact_storage=LocalArtifactStorage(tempfile.gettempdir()),
        run_storage=AgentRunStorage(**_config()),
        event_storage=_events(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
        settings={"telemetry": {"enabled": False}},
    )


def _config() -> dict[str, Any]:
    return {"socket_path": "", "subject": _SUBJECT, "run_id": None, "attempt_dir": ""}
