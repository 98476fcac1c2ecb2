"""`daggerboard up` in an empty folder, as a user starts it, until it says that it is ready."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from controlplane.embedded.ports import free_port
from tests.installation import READY

REPEATS = 3


def ready() -> Values:
    """Everything from the database's first page to the end of the sample's first run."""
    samples = [_once() for _ in range(REPEATS)]
    say(f"Daggerboard: ready after {spread(samples)} s")
    return {"ready_seconds": percentile(samples, 50)}


def _once() -> float:
    with tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder:
        output = Path(folder) / "up.out"
        words = [sys.executable, "-m", "controlplane.cli.main", "up", "--port", str(free_port())]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGGERBOARD_")}
        environment["DAGGERBOARD_HOME"] = str(Path(folder) / "home")
        began = time.perf_counter()
        with output.open("wb") as stream:
            up = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        try:
            return _wait(up, output, began)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)


def _wait(up: subprocess.Popen[bytes], output: Path, began: float, *, seconds: float = 180) -> float:
    while READY not in (said := output.read_text(errors="replace")):
        if up.poll() is not None or time.perf_counter() - began > seconds:
            raise MeasureError(f"daggerboard up was not ready: {said[-2000:]}")
        time.sleep(0.02)
    if "first run ended" in said:
        raise MeasureError(said[-2000:])
    return time.perf_counter() - began
