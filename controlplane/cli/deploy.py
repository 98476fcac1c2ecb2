"""`daggerboard deploy`: send a code location's target, wait until an agent has loaded it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.first_run import LOAD_SECONDS, wait_loaded
from controlplane.cli.output import console, say_fields, say_json
from controlplane.cli.profile import load_profile


def deploy_project(
    name: str,
    path: Path,
    *,
    names: Mapping[str, str | None],
    python: Path | None,
    queue: str,
    wait: bool,
    deployment: str | None,
    as_json: bool,
) -> None:
    """Deploy and report; CommandError carries the load error."""
    target: dict[str, Any] = {key: value for key, value in names.items() if value}
    target["working_directory"] = str(path.resolve())
    target["executable_path"] = str(python.absolute() if python else sys.executable)
    body = {"target": target, "queue": queue, **_git(path)}
    with ApiClient(load_profile(deployment=deployment)) as client:
        location = client.put(f"code-locations/{name}/", body)
        if wait:
            location = wait_loaded(client, name, seconds=LOAD_SECONDS)
    if as_json:
        say_json(location)
        return
    version = location["desired_version"]
    say_fields({"location": name, "version": version["number"], "state": version["state"], **version["counts"]})
    if not wait:
        console.print("An agent loads it as soon as it polls; `daggerboard status` shows it.")


def _git(path: Path) -> dict[str, str]:
    found = {
        "git_commit": _ask_git(path, "rev-parse", "HEAD"),
        "git_url": _ask_git(path, "remote", "get-url", "origin"),
    }
    return {key: value for key, value in found.items() if value}


def _ask_git(path: Path, *words: str) -> str:
    try:
        answer = subprocess.run(["git", *words], cwd=path, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
