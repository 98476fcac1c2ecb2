"""The `evaluator` process: a Celery worker for the queue `evaluator`, one evaluation at a time. Start more for more."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from controlplane.config.celery import app

_OPTIONS = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    # The code worker's package is found by its path, here as on an agent.
    sys.path.append(str(worker_folder()))
    app.conf.imports = ("controlplane.evaluator.tasks",)
    app.worker_main(["worker", "--pool", "solo", "--queues", "evaluator", "--hostname", "evaluator@%h", *_OPTIONS])


def worker_folder() -> Path:
    """Where the agent's distribution keeps the code worker."""
    spec = find_spec("agent")
    assert spec is not None, "the control plane depends on the agent's distribution"
    assert spec.origin is not None, "it is a package with a file"
    return Path(spec.origin).parent / "worker"


if __name__ == "__main__":
    main()
