"""What the door costs a request: opening the organization, and narrowing the access to one deployment."""

import json
import subprocess
import sys

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError


def permission_check() -> Values:
    """Measured in a process of its own, with servers of its own: what surrounds the door in a request is not counted."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.door"], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise MeasureError(f"The process that measures the door failed: {done.stderr[-2000:]}")
    samples: list[float] = json.loads(done.stdout.splitlines()[-1])
    say(f"Daggerboard: the door {spread(samples)} ms")
    return {"permission_check_ms": percentile(samples, 50)}
