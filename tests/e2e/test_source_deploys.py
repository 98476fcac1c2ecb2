"""Code deployed as an archive, through the real system: uploaded, fetched by the agent, loaded, run."""

import hashlib
import io
import sysconfig
import tarfile
import zipfile
from typing import Any

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


def archive(files: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def borrowed_dagster() -> bytes:
    """A package whose installing makes the packages of this interpreter importable: no index is needed to have dagster."""
    wheel, about = io.BytesIO(), "borrowed-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("borrowed.pth", f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        packed.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: borrowed\nVersion: 1.0\n")
        packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{about}/RECORD", "")
    return wheel.getvalue()


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
        loaded = wait_loaded(client, "packed", seconds=180)
        run_id = client.post("runs/", {"location": "packed", "assets": ["said"]})["id"]

    assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
    phases = loaded["current_version"]["phases"]
    assert set(phases) == {"queued", "pulled", "started", "loaded"}
    assert deploy(daggerboard, location)[0]["id"] == version["id"]


def test_code_runs_in_the_virtualenv_that_its_requirements_ask_for(daggerboard: Installation) -> None:
    code = PROJECT.replace("from words import WORD", "import sys; WORD = sys.prefix")
    wheel = "borrowed-1.0-py3-none-any.whl"
    needs = f"--no-index\n./{wheel}\n"
    sha256 = upload(daggerboard, archive({"defs.py": code, "requirements.txt": needs, wheel: borrowed_dagster()}))
    deploy(daggerboard, {"name": "needy", "source_sha256": sha256, "target": {"python_file": "defs.py"}})
    with daggerboard.client as client:
        loaded = wait_loaded(client, "needy", seconds=180)
        run_id = client.post("runs/", {"location": "needy", "assets": ["said"]})["id"]
        assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
        [materialization] = client.pages("materializations/", run=run_id)

    assert set(loaded["current_version"]["phases"]) == {"queued", "pulled", "built", "started", "loaded"}
    assert "/virtualenvs/" in str(materialization["metadata"])


def test_deploy_that_fails_leaves_what_serves_and_says_why(daggerboard: Installation) -> None:
    location = {"name": "fragile", "target": {"python_file": "defs.py"}}
    good = upload(daggerboard, archive({"defs.py": PROJECT, "words.py": "WORD = 'good'"}))
    deploy(daggerboard, {**location, "source_sha256": good})
    with daggerboard.client as client:
        wait_loaded(client, "fragile", seconds=180)
    bad = upload(daggerboard, archive({"defs.py": PROJECT}))
    deploy(daggerboard, {**location, "source_sha256": bad})

    def found() -> dict[str, Any]:
        with daggerboard.client as client:
            now: dict[str, Any] = client.get("code-locations/fragile/")
            return now

    after = eventually(found, lambda now: now["desired_version"]["state"] == "failed", seconds=180)
    assert "No module named 'words'" in after["desired_version"]["error"]["message"]
    assert (after["current_version"]["number"], after["desired_version"]["number"]) == (1, 2)
    with daggerboard.client as client:
        run_id = client.post("runs/", {"location": "fragile", "assets": ["said"]})["id"]
    assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
