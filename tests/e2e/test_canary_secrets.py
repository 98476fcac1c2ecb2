"""Secrets never leave (promise S6): user code that shows its secret everywhere it can, on a real installation, whose every file and
every page is then searched for it.
"""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.installation import Installation
from tests.waiting import eventually

CANARY = "canary-0c9f4e-value"
PROJECT = """
import os
import dagster as dg

SECRET = os.environ["CANARY"]
print("at import", SECRET)

class Warehouse(dg.ConfigurableResource):
    password: str = SECRET

class Config(dg.Config):
    token: str = SECRET

@dg.asset(description=f"with {SECRET}", metadata={"password": SECRET})
def shows(context, config: Config, warehouse: Warehouse):
    print("printed", SECRET, flush=True)
    os.write(1, SECRET[:9].encode()); os.write(1, SECRET[9:].encode() + b"\\n")
    context.log.info("logged %s", SECRET)
    assert os.environ["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == "prod"
    assert "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT" not in os.environ
    assert "ONLY_OTHER" not in os.environ
    return dg.MaterializeResult(metadata={"password": SECRET, SECRET: 1})

@dg.asset
def raises():
    raise ValueError(f"cannot connect with {SECRET}")

defs = dg.Definitions(assets=[shows, raises], resources={"warehouse": Warehouse()})
"""


def deployed(daggerboard: Installation, folder: Path) -> None:
    (folder / "canary.py").write_text(PROJECT)
    with daggerboard.client as client:
        for name, value, location in (("CANARY", CANARY, "canary"), ("ONLY_OTHER", "other", "another")):
            scopes = {"full_deployment": True}
            client.post("environment/", {"name": name, "value": value, "scopes": scopes, "locations": [location]})
    daggerboard.deploy("canary", {"python_file": "canary.py", "working_directory": str(folder)})


def ran(daggerboard: Installation, asset: str) -> dict[str, Any]:
    with daggerboard.client as client:
        run_id = client.post("runs/", {"location": "canary", "assets": [asset]})["id"]
    run = daggerboard.wait_status(run_id)

    def last() -> str:
        with daggerboard.client as client:
            return str(list(client.pages(f"runs/{run_id}/events/", limit=500))[-1]["type"])

    eventually(last, lambda event: event == "AGENT_EXITED")
    return run


def replies(daggerboard: Installation, run_ids: list[str]) -> dict[str, str]:
    """Everything the API says about what ran."""
    paths = ["environment/", "environment/effective/?location=canary", "code-locations/", "assets/", "runs/", "jobs/"]
    paths += ["materializations/?asset=shows", "assets/shows/", "code-locations/canary/versions/"]
    for run_id in run_ids:
        paths += [f"runs/{run_id}/{rest}" for rest in ("", "events/?limit=500", "steps/", "logs/")]
    with daggerboard.client as client:
        found = {
            path: json.dumps(client.get(path.partition("?")[0], **dict(parse_qsl(path.partition("?")[2]))))
            for path in paths
        }
        organization = client.profile.deployment_path.partition("/deployments")[0]
        found["audit"] = json.dumps(list(client.pages(f"{organization}/audit-events/")))
        for run_id in run_ids:
            for log in list(client.pages(f"runs/{run_id}/logs/")):
                text = client.content(f"runs/{run_id}/logs/{log['stream']}/", log_key=log["log_key"])
                found[f"{run_id} {log['stream']}"] = text.decode()
    return found


def test_secret_is_in_no_reply_no_log_no_row_and_no_file(daggerboard: Installation, tmp_path: Path) -> None:
    deployed(daggerboard, tmp_path)
    runs = [ran(daggerboard, "shows"), ran(daggerboard, "raises")]

    assert [run["status"] for run in runs] == ["SUCCESS", "FAILURE"], runs
    found = eventually(
        lambda: replies(daggerboard, [run["id"] for run in runs]),
        lambda found: any("printed [redacted:CANARY]\n[redacted:CANARY]\n" in text for text in found.values()),
        seconds=120,
    )
    assert [
        (path, text[max(0, text.find(CANARY) - 300) :][:400]) for path, text in found.items() if CANARY in text
    ] == []
    assert any("cannot connect with [redacted:CANARY]" in text for text in found.values())
    assert any("logged [redacted:CANARY]" in text for text in found.values())

    # The database and its journal, objects, logs of processes, the agent's spool: files at rest, some of them compressed.
    command = ["grep", "-rlaF", CANARY, str(daggerboard.home)]
    files = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    # What code prints while it is imported stays on the agent's own machine.
    assert [file for file in files if not file.endswith("worker.log")] == []
    packed = [str(path) for path in (daggerboard.home / "objects").rglob("*") if path.is_file()]
    assert subprocess.run(["zgrep", "-laF", CANARY, *packed], capture_output=True, check=False).stdout == b""
