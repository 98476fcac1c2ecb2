"""Percentiles of samples, and how samples are shown."""

import math
from collections.abc import Sequence


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that is not below `percent` of them (nearest rank: no value is made up)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(samples: Sequence[float]) -> str:
    """Least, median and most, for the progress lines."""
    return f"{min(samples):.1f} / {percentile(samples, 50):.1f} / {max(samples):.1f} (n={len(samples)})"
