"""Programs of these measures that run with an installation's own settings, in its own database."""

import json
import os
import subprocess
import sys
from typing import Any

from controlplane.cli.stack import SETTINGS_FILE
from tests.installation import Installation


def run_inside(installation: Installation, module: str, *words: object, **environment: str) -> Any:
    """What the program `benchmarks.own.<module>` prints last, which is JSON; `environment` beside the installation's own settings."""
    settings = json.loads((installation.home / SETTINGS_FILE).read_text())
    everything = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "controlplane.config.settings", **environment}
    command = [sys.executable, "-m", f"benchmarks.own.{module}", *map(str, words)]
    said = subprocess.run(command, env=everything, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said.splitlines()[-1])
