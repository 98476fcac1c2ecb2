"""The published dagster-cloud command line, unmodified, in an environment of its own: nothing of it is a dependency of ours."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import platformdirs

from tests.worker.interpreters import find_uv, locked

# `uv pip compile --universal --generate-hashes` of dagster-cloud-cli and dagster-shared of one version.
REQUIREMENTS = Path(__file__).parent / "dagster_cloud_cli.txt"
# What CI hosts set, and what would name another server.
_FOREIGN = ("DAGSTER_", "GITHUB_", "GITLAB_", "CI_", "DAGGERBOARD_", "DJANGO_")


@cache
def program() -> Path:
    """`dagster-cloud`, installed once, with uv, under the cache folder of the user."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(platformdirs.user_cache_dir("daggerboard"), "dagster-cloud-cli", f"{digest}-{python}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if not (folder / "complete").exists():
            subprocess.run([find_uv(), "venv", "-q", "--clear", "-p", sys.executable, str(folder)], check=True)
            install = [find_uv(), "pip", "install", "-q", "-p", str(folder / "bin" / "python"), "--require-hashes"]
            subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
            (folder / "complete").touch()
    return folder / "bin" / "dagster-cloud"


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed, both streams."""

    code: int
    text: str


@dataclass(frozen=True)
class StockCli:
    """Runs commands in `folder` with this address, organization and token, and what else is in `variables`."""

    url: str
    organization: str
    token: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, **variables: str) -> Said:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        environment |= {
            "DAGSTER_CLOUD_URL": f"{self.url}/{self.organization}",
            "DAGSTER_CLOUD_ORGANIZATION": self.organization,
            "DAGSTER_CLOUD_API_TOKEN": self.token,
            # Its own settings file is in the home folder.
            "HOME": str(self.folder),
            # Wide enough that nothing is wrapped.
            "COLUMNS": "1000",
            "NO_PROXY": "127.0.0.1",
            **self.variables,
            **variables,
        }
        command = [str(program()), *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return Said(done.returncode, done.stdout)
