"""`daggerboard inspect`: the code worker's own view of a project, in the project's interpreter."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from controlplane.cli.errors import CommandError, ExitCode

WORKER = Path(__file__).parents[2] / "agent" / "worker"


def inspect_project(path: Path, *, names: Mapping[str, str | None], python: Path | None) -> int:
    """Print counts and edge_sha256 as JSON; the user's traceback goes to standard error. Returns the exit code."""
    if not path.is_dir():
        raise CommandError(f"{path} is not a folder.", exit_code=ExitCode.NOT_FOUND)
    location = {"name": path.resolve().name, "working_directory": str(path.resolve())} | {
        k: v for k, v in names.items() if v
    }
    executable = str(python or sys.executable)
    command = [executable, "-m", "daggerboard_worker", "inspect", "--location", json.dumps(location)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(WORKER), os.environ.get("PYTHONPATH")])),
    }
    return subprocess.run(command, env=environment, cwd=path, check=False).returncode
