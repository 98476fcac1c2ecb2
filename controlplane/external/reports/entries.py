"""Reported events in dagster's own serialization, so that user code reads them from its instance. Pure; written without dagster.

Every class name and field is one that dagster writes since 1.10 (tests/external/test_entries.py reads them back with the oldest
and the newest that we support).
"""

import json
from collections.abc import Mapping
from typing import Any

from controlplane.definitions import asset_keys
from controlplane.external.reports.metadata import MetadataValue
from controlplane.external.reports.values import AssetReport, ReportKind

_TYPES = {
    ReportKind.MATERIALIZATION: "ASSET_MATERIALIZATION",
    ReportKind.OBSERVATION: "ASSET_OBSERVATION",
    ReportKind.CHECK: "ASSET_CHECK_EVALUATION",
}
_INFO = 20


def entry(report: AssetReport, timestamp: float) -> str:
    """The serialized EventLogEntry of an event outside of any run."""
    event = {
        "__class__": "DagsterEvent",
        "event_specific_data": _DATA[report.kind](report),
        "event_type_value": _TYPES[report.kind],
        "logging_tags": {},
        "message": None,
        "pid": None,
        "pipeline_name": "",
        "solid_handle": None,
        "step_handle": None,
        "step_key": None,
        "step_kind_value": None,
    }
    return json.dumps(
        {
            "__class__": "EventLogEntry",
            "dagster_event": event,
            "error_info": None,
            "level": _INFO,
            "message": "",
            "pipeline_name": "",
            "run_id": "",
            "step_key": None,
            "timestamp": timestamp,
            "user_message": "",
        }
    )


def _key(report: AssetReport) -> dict[str, Any]:
    return {"__class__": "AssetKey", "path": asset_keys.to_parts(report.asset_key)}


def _of_asset(cls: str, report: AssetReport) -> dict[str, Any]:
    return {
        "__class__": cls,
        "asset_key": _key(report),
        "description": report.description or None,
        "metadata_entries": _entries(report.metadata),
        "partition": report.partition,
        "tags": dict(report.tags),
    }


def _entries(metadata: Mapping[str, MetadataValue]) -> list[dict[str, Any]]:
    return [
        {"__class__": "EventMetadataEntry", "description": None, "entry_data": value.stored, "label": name}
        for name, value in metadata.items()
    ]


def _materialization(report: AssetReport) -> dict[str, Any]:
    made = _of_asset("AssetMaterialization", report)
    return {"__class__": "StepMaterializationData", "asset_lineage": [], "materialization": made}


def _observation(report: AssetReport) -> dict[str, Any]:
    return {"__class__": "AssetObservationData", "asset_observation": _of_asset("AssetObservation", report)}


def _check(report: AssetReport) -> dict[str, Any]:
    found = {
        "__class__": "AssetCheckEvaluation",
        "asset_key": _key(report),
        "blocking": None,
        "check_name": report.check_name,
        "description": report.description or None,
        "metadata": {name: value.stored for name, value in report.metadata.items()},
        "severity": {"__enum__": f"AssetCheckSeverity.{report.severity}"},
        "success": report.passed,
        "target_materialization_data": None,
    }
    # Dagster before 1.12 knows none.
    return found | {"partition": report.partition} if report.partition is not None else found


_DATA = {
    ReportKind.MATERIALIZATION: _materialization,
    ReportKind.OBSERVATION: _observation,
    ReportKind.CHECK: _check,
}
