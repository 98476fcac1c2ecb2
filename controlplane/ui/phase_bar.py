"""How a deploy has come along: its phases with their times, and the one that it is in."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from controlplane.deployments.models import LocationVersion, VersionState

# In their order: the word beside the seconds, and what is said while the next one goes on.
PHASES = (
    ("queued", "Waited", ""),
    ("pulled", "Fetched", "its code is fetched"),
    ("built", "Virtualenv", "its virtualenv is made"),
    ("started", "Started", "its code worker is started"),
    ("loaded", "Imported", ""),
)
_WORDS = {name: word for name, word, _done in PHASES}
# In units of the drawing, so that a short phase can still be seen.
_WIDTH, _LEAST = 1000.0, 12.0


@dataclass(frozen=True)
class PhasePart:
    """One phase, and where it is in a drawing that is 1000 wide."""

    name: str
    label: str
    seconds: float
    x: float
    width: float


@dataclass(frozen=True)
class PhaseBar:
    """All of them. `going_on` is how long it has been since the last one that is known; None when the deploy is over."""

    parts: list[PhasePart]
    total: float
    going_on: float | None


def phase_bar(version: LocationVersion) -> PhaseBar | None:
    """The bar of a version; None when nothing is known of its phases."""
    known = {name: seconds for name in _WORDS if (seconds := version.phases.get(name)) is not None}
    is_over = version.state in {VersionState.LOADED, VersionState.FAILED}
    if not known and is_over:
        return None
    total = sum(known.values())
    waited = (timezone.now() - version.created_at).total_seconds() - total
    return PhaseBar(_parts(known), total, None if is_over else max(waited, 0.0))


def _parts(known: Mapping[str, float]) -> list[PhasePart]:
    total = sum(known.values()) or 1.0
    free = _WIDTH - _LEAST * len(known)
    parts, x = [], 0.0
    for name, seconds in known.items():
        width = _LEAST + free * seconds / total
        parts.append(PhasePart(name, _WORDS[name], seconds, round(x, 1), round(width, 1)))
        x += width
    return parts
