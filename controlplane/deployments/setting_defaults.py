"""What holds where a deployment sets nothing, in words for people: every key of the document has an entry (docs/deployment-settings.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.conf import settings as installation

from controlplane.deployments import settings_document as document
from controlplane.deployments.settings_document import value_at

_Path = tuple[str, ...]


@dataclass(frozen=True)
class SettingLine:
    """One key: `value` is what is set, empty when the default holds."""

    key: str
    value: str
    default: str


def setting_lines(settings: Mapping[str, Any]) -> list[SettingLine]:
    """Every key there is, in the order of the document."""
    lines = []
    for path, default in sorted(_defaults().items()):
        value = value_at(settings, path)
        written = "" if value is None else yaml.safe_dump(value, default_flow_style=True, width=10_000)
        lines.append(SettingLine(".".join(path), written.removesuffix("...\n").strip(), default))
    return lines


def _defaults() -> dict[_Path, str]:
    none = "no limit"
    found = {
        document.MAX_RUNS_PATH: "the organization's quota",
        document.TAG_LIMITS_PATH: "none",
        document.POOL_DEFAULT_LIMIT_PATH: none,
        document.POOL_GRANULARITY_PATH: "op",
        document.POOL_RUN_BUFFER_PATH: "0",
        document.START_TIMEOUT_PATH: _seconds(installation.RUN_STARTING_TIMEOUT_SECONDS),
        document.CANCEL_TIMEOUT_PATH: _seconds(installation.RUN_CANCELING_TIMEOUT_SECONDS),
        document.MAX_RUNTIME_PATH: _seconds(installation.RUN_RUNNING_TIMEOUT_SECONDS),
        ("run_monitoring", "free_slots_after_run_end_seconds"): "at once, whatever is set",
        document.MAX_RETRIES_PATH: "0",
        document.RETRY_ON_STEP_FAILURE_PATH: "true",
        document.SENSOR_TIMEOUT_PATH: "60",
        document.CATCH_UP_PATH: "5",
        document.CONDITIONS_INTERVAL_PATH: "1",
        document.CONDITIONS_TAGS_PATH: "none",
        document.FRESHNESS_PATH: "true",
    }
    for name in document.FAILURE_CLASSES:
        found[document.policy_path(name, "max_retries")] = "run_retries.max_retries"
        found[document.policy_path(name, "delay_seconds")] = "0"
        found[document.policy_path(name, "memory_factor")] = "2" if name == "out_of_memory" else "1"
    for kind in document.RETAINED:
        days = installation.RETENTION_DAYS[kind]
        found[document.retention_path(kind, of_branches=False)] = str(days) if days > 0 else "for ever"
        found[document.retention_path(kind, of_branches=True)] = f"retention.{kind}"
    return found


def _seconds(limit: float) -> str:
    return f"{limit:g}" if limit > 0 else "no limit"
