"""The words for statuses, as people say them."""

from controlplane.catalog.asset_health import HealthStatus
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.freshness import Freshness
from controlplane.runs.states import RunStatus, StepStatus

_WORDS: dict[str, str] = {
    **{status.value: status.label for status in RunStatus},
    **{status.value: status.label for status in StepStatus},
    **{status.value: status.label for status in AssetStatus},
    **{status.value: status.label for status in HealthStatus},
    **{state.value: state.label for state in Freshness if state.value not in set(HealthStatus)},
    "passed": "Passed",
    "warn": "Warning",
    "connected": "Connected",
    "draining": "Draining",
    "stopped": "Stopped",
    "lost": "Lost",
    "pending": "Waiting for an agent",
    "loading": "Loading",
    "loaded": "Loaded",
    "active": "Active",
    "sleeping": "Sleeping",
    "held": "Held for approval",
    "closing": "Closing",
    "archived": "Archived",
}


def word(status: str) -> str:
    """What a person reads; the status itself when there is no better word."""
    return _WORDS.get(status, status.replace("_", " ").capitalize())
