"""What giving an agent its next run costs beside a long queue."""

from benchmarks.claims import QUEUED
from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.servers import samples_of
from benchmarks.statistic import percentile, spread


def claim() -> Values:
    """Of claims of one run each; the poll around it is not counted."""
    samples = samples_of("benchmarks.claims")
    say(f"Daggerboard: a claim beside {QUEUED:,} queued runs {spread(samples)} ms")
    return {"claim_10k_queued_p95_ms": percentile(samples, 95)}
