"""Code deployed as an archive, through the real system: uploaded, fetched by the agent, loaded, run."""

import hashlib
import io
import tarfile
from typing import Any

import pytest

from controlplane.cli.first_run import wait_loaded
from tests.installation import Installation
from tests.waiting import eventually

PROJECT = """
import dagster as dg
from words import WORD


@dg.asset
def said() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"word": WORD})


defs = dg.Definitions([said])
"""


def archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def upload(daggerboard: Installation, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    with daggerboard.client as client:
        http = client._http
        base = f"{daggerboard.url}/api/v1/organizations/demo/source-archives/"
        headers = {"Content-Type": "application/gzip"}
        http.put(f"{base}{sha256}/", content=content, headers=headers).raise_for_status()
        assert http.post(f"{base}missing/", json={"sha256s": [sha256]}).json() == {"missing": []}
    return sha256


def deploy(daggerboard: Installation, *locations: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    with daggerboard.client as client:
        versions: list[dict[str, Any]] = client.post("deploy/", {"locations": list(locations), **more})
        return versions


def test_an_archive_is_loaded_and_runs(daggerboard: Installation) -> None:
    content = archive({"project/src/words.py": "WORD = 'first'", "project/defs.py": PROJECT})
    location = {
        "name": "packed",
        "source_sha256": upload(daggerboard, content),
        "target": {"python_file": "defs.py", "working_directory": "project"},
    }
    [version] = deploy(daggerboard, location)
    with daggerboard.client as client:
        loaded = wait_loaded(client, "packed", seconds=60)
        run_id = client.post("runs/", {"location": "packed", "assets": ["said"]})["id"]

    assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
    phases = loaded["current_version"]["phases"]
    assert set(phases) == {"queued", "pulled", "started", "loaded"}
    assert deploy(daggerboard, location)[0]["id"] == version["id"]
