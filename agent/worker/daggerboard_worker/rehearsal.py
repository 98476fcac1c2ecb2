"""A run of one small asset that nobody hears of, in the worker before it forks.

Dagster compiles the constructors of its records, resolves its own config schemas and fills caches when the first run needs them. Every run
is the first of its process, so each would pay for that again.
"""

import os
import tempfile
from typing import Any

from dagster import AssetKey, DagsterRunStatus, Definitions, asset
from dagster._core.definitions.reconstruct import ReconstructableRepository

from daggerboard_worker import connection
from daggerboard_worker.events import event_from_entry
from daggerboard_worker.execution import dagster_run, drive, prepare_executor
from daggerboard_worker.hosted_job import HostedJob, host_job
from daggerboard_worker.instance import instance_ref, open_instance
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.own_run import own
from daggerboard_worker.run_spec import RunSpec

RUN = "rehearsal"
# Its own lines would be the first that a user reads of this worker.
_SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RehearsalError(Exception):
    """The run did not succeed: this release of dagster does something that was not foreseen here."""


class Nobody:
    """In the place of an AgentConnection: hears everything, says nothing."""

    subject = RUN

    def ask(self, op: str, args: object = None) -> None:
        """Nobody cancels the run."""

    def post(self, op: str, args: object) -> None:
        """Not heard."""

    def flush(self) -> None:
        """Nothing is ever on its way."""

    def close(self) -> None:
        """There is no socket."""


@asset
def rehearsed() -> int:
    return 1


definitions = Definitions(assets=[rehearsed])


def rehearse() -> None:
    """Leave warm caches behind, and nothing else: no thread, no file, no line of output, no word to an agent.

    Raises RehearsalError, or what dagster raises; the worker does its work all the same then, more slowly.
    """
    environment = dict(os.environ)
    try:
        with tempfile.TemporaryDirectory(prefix="daggerboard-") as folder:
            _execute(folder)
    finally:
        own.__init__()  # type: ignore[misc] # as if there had been no run
        connection.use(None)
        # Dagster names itself to Snowflake there.
        os.environ.clear()
        os.environ.update(environment)


def _execute(folder: str) -> None:
    connection.use(Nobody())
    hosted, own.run = _hosted()
    own.start_data = prepare_executor(hosted, own.run, "warm", None)
    ref = instance_ref(socket_path="", subject=RUN, run_id=RUN, attempt_dir=folder, storage_dir=folder)
    with open_instance(ref) as instance, instance.event_log_storage.holding_back() as entries:
        drive(hosted, instance)
    for entry in entries:
        event_from_entry(entry)
    if own.run.status is not DagsterRunStatus.SUCCESS:
        raise RehearsalError(f"The run ended as {own.run.status}, after: {[entry.message for entry in entries]}")


def _hosted() -> tuple[HostedJob, Any]:
    recipe = ReconstructableRepository.for_module(__name__, "definitions")
    loaded = LoadedLocation(None, recipe.get_definition(), recipe)  # type: ignore[arg-type] # of no location
    spec = RunSpec(RUN, "__ASSET_JOB", asset_selection=[["rehearsed"]], run_config=_SILENT)
    hosted = host_job(loaded, job=spec.job, op_selection=None, assets=frozenset({AssetKey("rehearsed")}), checks=None)
    return hosted, dagster_run(hosted, loaded, spec)
