"""The DagsterInstance that user code sees: a real one, built from an InstanceRef whose storages are ours."""

import json
import os
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData

HOME = "DAGSTER_HOME"


def class_data(module: str, name: str, config: dict[str, Any]) -> ConfigurableClassData:
    # JSON is YAML, and needs no import.
    return ConfigurableClassData(module, name, json.dumps(config))


NO_LOGS = class_data("dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", {})


def instance_ref(
    *, socket_path: str, subject: str | dict[str, str], run_id: str | None, attempt_dir: str, storage_dir: str
) -> InstanceRef:
    """`subject` is the attempt or call, or names the variable that holds it (`{"env": name}`); a call keeps no log files."""
    config = {"socket_path": socket_path, "subject": subject, "run_id": run_id, "attempt_dir": attempt_dir}
    return InstanceRef(
        local_artifact_storage_data=class_data(
            "dagster._core.storage.root", "LocalArtifactStorage", {"base_dir": storage_dir}
        ),
        compute_logs_data=class_data("daggerboard_worker.compute_logs", "AttemptLogs", config) if run_id else NO_LOGS,
        scheduler_data=None,
        run_coordinator_data=class_data("dagster._core.run_coordinator", "DefaultRunCoordinator", {}),
        run_launcher_data=class_data("dagster", "DefaultRunLauncher", {}),
        settings={"telemetry": {"enabled": False}},
        run_storage_data=class_data("daggerboard_worker.run_storage", "AgentRunStorage", config),
        event_storage_data=class_data("daggerboard_worker.event_storage", "AgentEventStorage", config),
        schedule_storage_data=class_data("daggerboard_worker.schedule_storage", "AgentScheduleStorage", config),
    )


def open_instance(ref: InstanceRef) -> DagsterInstance:
    return DagsterInstance.from_ref(ref)


def make_findable(ref: InstanceRef, attempt_dir: str) -> None:
    """`DagsterInstance.get()` reads $DAGSTER_HOME/dagster.yaml: where the user has no home, it finds this instance."""
    if os.environ.get(HOME):
        return
    home = Path(attempt_dir, "dagster_home")
    parts = {
        "run_storage": ref.run_storage_data,
        "event_log_storage": ref.event_storage_data,
        "schedule_storage": ref.schedule_storage_data,
        "compute_logs": ref.compute_logs_data,
        "local_artifact_storage": ref.local_artifact_storage_data,
        "run_coordinator": ref.run_coordinator_data,
        "run_launcher": ref.run_launcher_data,
    }
    config: dict[str, Any] = {
        name: {"module": data.module_name, "class": data.class_name, "config": json.loads(data.config_yaml)}
        for name, data in parts.items()
        if data is not None
    }
    config["telemetry"] = {"enabled": False}
    write_home(home, json.dumps(config))
    os.environ[HOME] = str(home)


def write_home(home: Path, config: str) -> None:
    """Unless it is there: calls share theirs, and may read it while another one comes."""
    file = home / "dagster.yaml"
    if file.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    own = home / f"dagster.yaml.{os.getpid()}"
    own.write_text(config, encoding="utf-8")
    own.replace(file)
