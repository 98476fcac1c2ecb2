"""The DagsterInstance that a call sees: the same view of the control plane as in a run, without a run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from daggerboard_worker.canonical import fingerprint
from daggerboard_worker.instance import instance_ref, make_findable, open_instance

# Built once in the worker: its configuration is parsed and checked there, not in the process of each call.
_prepared: dict[tuple[str, str], DagsterInstance] = {}

# Holds the id of the call, for the processes that user code starts and for `DagsterInstance.get()`.
CALL = "DAGGERBOARD_CALL"


@dataclass(frozen=True)
class CallPlace:
    """Where the process of a call finds the agent, and where it may write."""

    call_id: str
    socket_path: str
    storage_dir: str
    scratch: Path

    def instance_ref(self) -> Any:
        """The recipe of the instance; `DagsterInstance.get()` follows it too from now on."""
        os.environ[CALL] = self.call_id
        place = _place(self.socket_path, self.storage_dir)
        # One folder for all calls of a location, because a call that is killed would leave its own behind.
        home = self.scratch / f"calls-{fingerprint(place)}"
        make_findable(instance_ref(subject={"env": CALL}, **place), str(home))
        return instance_ref(subject=self.call_id, **place)

    def instance(self, ref: Any) -> DagsterInstance | None:
        """The one that the worker prepared, as if it had been made of `ref`; None where it prepared none."""
        prepared = _prepared.get((self.socket_path, self.storage_dir))
        if prepared is not None:
            prepared._ref = ref
            for storage in (prepared.run_storage, prepared.event_log_storage, prepared.schedule_storage):
                storage.subject = self.call_id  # type: ignore[union-attr]  # they are ours: AgentBacked
        return prepared


def prepare_instance(*, socket_path: str, storage_dir: str) -> None:
    """In the worker, before it forks: the instance that its calls see. It talks to nobody before it has a call's id."""
    ref = instance_ref(subject="", **_place(socket_path, storage_dir))
    instance = _prepared[socket_path, storage_dir] = open_instance(ref)
    # Built on first use, which would be each call's.
    _ = instance.compute_log_manager


def _place(socket_path: str, storage_dir: str) -> dict[str, Any]:
    return {"socket_path": socket_path, "storage_dir": storage_dir, "run_id": None, "attempt_dir": ""}
