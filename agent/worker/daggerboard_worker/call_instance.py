"""The DagsterInstance that a call sees: the same view of the control plane as in a run, without a run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from daggerboard_worker.canonical import fingerprint
from daggerboard_worker.instance import instance_ref, make_findable
from daggerboard_worker.prepared import prepared_instance

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
        return prepared_instance(ref, subject=self.call_id, run_id=None, attempt_dir="")


def _place(socket_path: str, storage_dir: str) -> dict[str, Any]:
    return {"socket_path": socket_path, "storage_dir": storage_dir, "run_id": None, "attempt_dir": ""}
