"""What is stored for user code is what dagster reads: with the oldest dagster that we support, and with the newest."""

import json
import subprocess
import sys

import pytest

from controlplane.external.reports.entries import entry
from controlplane.external.reports.values import ReportKind, report
from tests.worker.interpreters import interpreter_with
from tests.worker.versions import tested_versions

METADATA = {
    "text": "x",
    "int": 3,
    "big": 2**60,
    "float": 1.5,
    "bool": True,
    "json": {"a": [1, None]},
    "list": [1, 2],
    "null": None,
    "url": {"type": "url", "raw_value": "https://x.example"},
    "path": {"type": "path", "raw_value": "/x"},
    "notebook": {"type": "notebook", "raw_value": "/x.ipynb"},
    "md": {"type": "md", "raw_value": "# x"},
    "timestamp": {"type": "timestamp", "raw_value": 12},
    "run": {"type": "dagster_run", "raw_value": "abc"},
    "asset": {"type": "asset", "raw_value": "a/b"},
}
# Runs where dagster is: reads entries from standard input, writes what user code would see of them.
READER = """
import json, sys
from dagster import EventLogEntry
from dagster._serdes import deserialize_value
found = []
for text in json.load(sys.stdin):
    entry = deserialize_value(text, EventLogEntry)
    event = entry.dagster_event
    data = event.event_specific_data
    about = getattr(data, "materialization", None) or getattr(data, "asset_observation", None) or data
    found.append({
        "type": event.event_type_value, "is_event": entry.is_dagster_event, "ts": entry.timestamp, "run": entry.run_id,
        "key": about.asset_key.to_user_string(), "description": about.description,
        "metadata": {name: [type(v).__name__, str(v.value)] for name, v in about.metadata.items()},
        "tags": getattr(about, "tags", None), "partition": getattr(about, "partition", None),
        "check": [about.check_name, about.passed, about.severity.value] if hasattr(about, "check_name") else None,
        "asset_of_event": event.asset_key.to_user_string() if hasattr(about, "tags") else None,
    })
print(json.dumps(found))
"""


def entries() -> list[str]:
    said = {"metadata": METADATA, "description": "Loaded", "partition": "p", "data_version": "v1", "tags": {"a": "b"}}
    check = {"check_name": "c", "passed": False, "severity": "WARN", "metadata": METADATA}
    return [
        entry(report(ReportKind.MATERIALIZATION, asset="a/b", given=said), 12.5),
        entry(report(ReportKind.OBSERVATION, asset=["a", "b/c"], given={"data_version": "v1"}), 12.5),
        entry(report(ReportKind.CHECK, asset="a/b", given=check), 12.5),
        entry(report(ReportKind.CHECK, asset="a/b", given={**check, "partition": "p"}), 12.5),
    ]


@pytest.mark.parametrize("version", ["ours", pytest.param(tested_versions()[0], marks=pytest.mark.versions)])
def test_dagster_reads_what_was_reported(version: str) -> None:
    python = sys.executable if version == "ours" else str(interpreter_with(version))
    done = subprocess.run(
        [python, "-c", READER], input=json.dumps(entries()), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    made, observed, check, of_partition = json.loads(done.stdout)
    names = {name: kind for name, (kind, _value) in made["metadata"].items()}
    assert names == {
        "text": "TextMetadataValue",
        "int": "IntMetadataValue",
        "big": "IntMetadataValue",
        "float": "FloatMetadataValue",
        "bool": "BoolMetadataValue",
        "json": "JsonMetadataValue",
        "list": "JsonMetadataValue",
        "null": "NullMetadataValue",
        "url": "UrlMetadataValue",
        "path": "PathMetadataValue",
        "notebook": "NotebookMetadataValue",
        "md": "MarkdownMetadataValue",
        "timestamp": "TimestampMetadataValue",
        "run": "DagsterRunMetadataValue",
        "asset": "DagsterAssetMetadataValue",
    }
    assert made["metadata"]["big"][1] == str(2**60)
    assert (made["type"], made["key"], made["asset_of_event"]) == ("ASSET_MATERIALIZATION", "a/b", "a/b")
    assert (made["partition"], made["description"], made["ts"], made["run"]) == ("p", "Loaded", 12.5, "")
    assert made["tags"] == {
        "a": "b",
        "dagster/data_version": "v1",
        "dagster/data_version_is_user_provided": "true",
    }
    assert (observed["type"], observed["key"]) == ("ASSET_OBSERVATION", "a/b/c")
    assert (check["check"], check["metadata"]) == (["c", False, "WARN"], made["metadata"])
    assert of_partition["check"] == check["check"]
