"""What the door costs a request: opening the organization, and narrowing the access to one deployment."""

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.servers import samples_of
from benchmarks.statistic import percentile, spread


def permission_check() -> Values:
    """Measured in a process of its own, with servers of its own: what surrounds the door in a request is not counted."""
    samples = samples_of("benchmarks.door")
    say(f"Daggerboard: the door {spread(samples)} ms")
    return {"permission_check_ms": percentile(samples, 50)}
