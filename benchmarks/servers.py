"""Programs that measure a part of the control plane in a process of their own, on servers of their own, started as for the tests."""

import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.system import MeasureError
from tests import session

_SECONDS = 300


def print_samples(measure: Callable[[], list[float]]) -> None:
    """For the program: start servers, measure, and print the samples as a JSON list on the last line."""
    services = session.begin()
    session.join("main")
    import django

    django.setup()
    try:
        print(json.dumps(measure()))
    finally:
        services.stop()


def samples_of(module: str) -> list[float]:
    """What such a program measured; MeasureError when it failed."""
    words = [sys.executable, "-m", module]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        raise MeasureError(f"The program {module} failed: {done.stderr[-2000:]}")
    samples: list[float] = json.loads(done.stdout.splitlines()[-1])
    return samples
