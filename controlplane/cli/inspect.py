"""`daggerboard inspect`: the code worker's own view of a project, in the project's interpreter."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_json
from controlplane.cli.sources import load_project
from controlplane.delivery.project.cloud_yaml import FILE_NAME

WORKER = Path(__file__).parents[2] / "agent" / "worker"


def inspect_project(path: Path, *, names: Mapping[str, str | None], python: Path | None) -> int:
    """Print counts and edge_sha256 as JSON, or the error of the load. Returns the exit code.

    Of a dagster_cloud.yaml the document has every code location, by its name: {"code_locations": {name: counts or error}}.
    """
    if not path.is_dir():
        raise CommandError(f"{path} is not a folder.", exit_code=ExitCode.NOT_FOUND)
    given = {key: value for key, value in names.items() if value}
    if not given and (path / FILE_NAME).is_file():
        return _inspect_all(path, python)
    done = _inspect({"name": path.resolve().name, "working_directory": str(path.resolve()), **given}, path, python)
    sys.stdout.write(done.stdout)
    return done.returncode


def _inspect_all(path: Path, python: Path | None) -> int:
    project = load_project(path)
    found, code = {}, 0
    for document in project.locations:
        base = project.root / document.build.directory
        target = document.target(of_source=True)
        folder = (base / (target.working_directory or "")).resolve()
        location = {key: value for key, value in msgspec.to_builtins(target).items() if value}
        location |= {"name": document.name, "working_directory": str(folder)}
        # An interpreter of the file is one of the agent's machine.
        location.pop("executable_path", None)
        done = _inspect(location, base, python)
        found[document.name] = _document(done.stdout)
        code = code or done.returncode
    say_json({"code_locations": found})
    return code


def _document(text: str) -> Any:
    """What the worker wrote: also a load error is a document; None where it could not even start."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _inspect(location: Mapping[str, str], folder: Path, python: Path | None) -> subprocess.CompletedProcess[str]:
    executable = str(python.absolute() if python else sys.executable)
    command = [executable, "-m", "daggerboard_worker", "inspect", "--location", json.dumps(location)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(WORKER), os.environ.get("PYTHONPATH")])),
    }
    return subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
