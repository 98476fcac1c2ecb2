"""The manifest that the code worker writes is the manifest that the control plane reads."""

import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controlplane.definitions.manifest import Manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written() -> bytes:
    """What the worker makes of the sample project."""
    script, worker, project = (
        Path(__file__).parent / "manifest_of_project.py",
        ROOT / "agent/worker",
        ROOT / "examples/flights",
    )
    done = subprocess.run([sys.executable, script, worker, project], cwd=project, capture_output=True, check=True)
    return done.stdout


def test_control_plane_reads_all_that_the_worker_writes(written: bytes) -> None:
    manifest = msgspec.json.decode(written, type=Manifest)

    assert {tuple(asset.key) for asset in manifest.assets} >= {("raw", "flights"), ("daily_flights",)}
    assert [schedule.name for schedule in manifest.schedules] == ["replay_2013"]
    assert sorted(unread(Manifest, json.loads(written), "manifest")) == []


def unread(kind: Any, value: Any, path: str) -> Iterator[str]:
    """Paths of fields that the types do not name."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        named = typing.get_type_hints(kind)
        yield from (f"{path}.{name}" for name in value if name not in named)
        for name in value.keys() & named.keys():
            yield from unread(named[name], value[name], f"{path}.{name}")
    for inner in typing.get_args(kind):
        if isinstance(value, list):
            for item in value:
                yield from unread(inner, item, path)
        elif isinstance(value, dict) and typing.get_origin(kind) is dict:
            for item in value.values():
                yield from unread(inner, item, path)
        elif isinstance(value, dict):
            yield from unread(inner, value, path)
