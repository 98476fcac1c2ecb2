"""The `evaluator` process: a Celery worker for the queues `evaluator` and `backfills`, with two processes of its own. Start more for more.

Processes, and not threads: one that takes too long or too much is ended, and another one takes its place.
"""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from celery.signals import worker_before_create_process

from controlplane.config.celery import app

# While one deployment takes long, the others go on.
PROCESSES = 2
_OPTIONS = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]


def main() -> None:
    """Run it until it is told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    # The code worker's package is found by its path, here as on an agent.
    sys.path.append(str(worker_folder()))
    app.conf.imports = ("controlplane.evaluator.tasks",)
    pool = ["--pool", "prefork", "--concurrency", str(PROCESSES)]
    app.worker_main(["worker", *pool, "--queues", "evaluator,backfills", "--hostname", "evaluator@%h", *_OPTIONS])


@worker_before_create_process.connect
def share(**_given: object) -> None:
    """What is imported stays shared with the processes that are forked: the collector would write into all of it."""
    gc.freeze()


def worker_folder() -> Path:
    """Where the agent's distribution keeps the code worker."""
    spec = find_spec("agent")
    assert spec is not None, "the control plane depends on the agent's distribution"
    assert spec.origin is not None, "it is a package with a file"
    return Path(spec.origin).parent / "worker"


if __name__ == "__main__":
    main()
