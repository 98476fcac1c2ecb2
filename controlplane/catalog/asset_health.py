"""How an asset is: the worst of its materialization, its freshness and its checks, with what makes it so. Pure.

As dagster judges, and beyond: observations count for assets that something else makes, and an acknowledged state says who knows.
"""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from controlplane.catalog.check_view import CheckView
from controlplane.catalog.freshness import Freshness
from controlplane.catalog.models import AssetState, HealthAcknowledgement
from controlplane.definitions.manifest import Asset


class HealthStatus(StrEnum):
    """Dagster's AssetHealthStatus."""

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    DEGRADED = "DEGRADED"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Cause:
    """Why one part of the health is not healthy. `key` is equal for the same cause; `at` is since when, where that is known."""

    part: str
    status: HealthStatus
    text: str
    key: str
    at: datetime.datetime | None = None
    run_id: UUID | None = None


@dataclass(frozen=True)
class AssetFreshness:
    """How fresh an asset is now. `since` is when that was noticed; `until` when it changes by itself."""

    state: Freshness
    policy: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of one asset."""

    asset: Asset | None
    state: AssetState | None
    checks: Sequence[CheckView]
    freshness: AssetFreshness
    failed_partitions: int = 0


@dataclass(frozen=True)
class Health:
    """`at` is the newest moment that the judgement rests on."""

    status: HealthStatus
    materialization: HealthStatus
    freshness: AssetFreshness
    checks: HealthStatus
    causes: tuple[Cause, ...] = ()
    at: datetime.datetime | None = None
    acknowledged: HealthAcknowledgement | None = None

    @property
    def mark(self) -> str:
        """Equal while the causes are the same."""
        text = "\n".join(sorted(f"{cause.part} {cause.status} {cause.key}" for cause in self.causes))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def is_unwell(self) -> bool:
        return self.status in {HealthStatus.WARNING, HealthStatus.DEGRADED}


_OF_FRESHNESS = {
    Freshness.PASS: HealthStatus.HEALTHY,
    Freshness.WARN: HealthStatus.WARNING,
    Freshness.FAIL: HealthStatus.DEGRADED,
    Freshness.UNKNOWN: HealthStatus.UNKNOWN,
    Freshness.NOT_APPLICABLE: HealthStatus.NOT_APPLICABLE,
}


def health(facts: Facts) -> Health:
    """The health of one asset from what is known of it."""
    causes: list[Cause] = []
    made = _materialization(facts, causes)
    fresh = _freshness(facts, causes)
    checked = _checks(facts.checks, causes)
    return Health(_worst(made, fresh, checked), made, facts.freshness, checked, tuple(causes), _newest(facts))


def is_made_elsewhere(asset: Asset | None) -> bool:
    """Whether nothing here makes the asset: then its observations say that it is there."""
    return asset is not None and (asset.is_external or not asset.is_materializable)


def _materialization(facts: Facts, causes: list[Cause]) -> HealthStatus:
    state = facts.state
    if state is not None and state.failed_run_id is not None:
        text = "The latest run that was to make it failed"
        causes.append(_cause("materialization", HealthStatus.DEGRADED, text, str(state.failed_run_id), state))
        return HealthStatus.DEGRADED
    if facts.failed_partitions:
        partitions = "1 partition" if facts.failed_partitions == 1 else f"{facts.failed_partitions} partitions"
        key = f"partitions {facts.failed_partitions}"
        causes.append(Cause("materialization", HealthStatus.DEGRADED, f"{partitions} failed", key))
        return HealthStatus.DEGRADED
    if state is not None and (state.materialization_id is not None or _is_observed(facts)):
        return HealthStatus.HEALTHY
    if is_made_elsewhere(facts.asset) and facts.asset is not None and not facts.asset.is_observable:
        return HealthStatus.NOT_APPLICABLE
    return HealthStatus.UNKNOWN


def _cause(part: str, status: HealthStatus, text: str, key: str, state: AssetState) -> Cause:
    return Cause(part, status, text, key, at=state.failed_at, run_id=state.failed_run_id)


def _is_observed(facts: Facts) -> bool:
    return is_made_elsewhere(facts.asset) and facts.state is not None and facts.state.observation_id is not None


def _freshness(facts: Facts, causes: list[Cause]) -> HealthStatus:
    found = facts.freshness
    status = _OF_FRESHNESS[found.state]
    if status in {HealthStatus.WARNING, HealthStatus.DEGRADED}:
        text = f"{found.state.label}: wanted {found.policy}"
        # The event that it is judged by: another one, and it is another cause.
        event = f"{facts.state.materialization_id} {facts.state.observation_id}" if facts.state else ""
        causes.append(Cause("freshness", status, text, event, at=found.since))
    return status


def _checks(checks: Sequence[CheckView], causes: list[Cause]) -> HealthStatus:
    if not checks:
        return HealthStatus.NOT_APPLICABLE
    for check in checks:
        if check.status in {"failed", "warn"} and check.state is not None:
            status = HealthStatus.DEGRADED if check.status == "failed" else HealthStatus.WARNING
            blocking = ", which blocks what is downstream" if check.definition and check.definition.blocking else ""
            text = (
                f"The check {check.name} failed{blocking}"
                if check.status == "failed"
                else f"The check {check.name} warns"
            )
            causes.append(Cause("checks", status, text, f"{check.name}", at=check.state.at, run_id=check.state.run_id))
    said = {check.status for check in checks}
    if "failed" in said:
        return HealthStatus.DEGRADED
    if "warn" in said:
        return HealthStatus.WARNING
    return HealthStatus.UNKNOWN if "missing" in said else HealthStatus.HEALTHY


def _worst(made: HealthStatus, fresh: HealthStatus, checked: HealthStatus) -> HealthStatus:
    said = {made, fresh, checked}
    for bad in (HealthStatus.DEGRADED, HealthStatus.WARNING):
        if bad in said:
            return bad
    if said == {HealthStatus.NOT_APPLICABLE}:
        return HealthStatus.NOT_APPLICABLE
    # Nothing that is said about what was never made says how it is.
    if made == HealthStatus.UNKNOWN or HealthStatus.HEALTHY not in said:
        return HealthStatus.UNKNOWN
    return HealthStatus.HEALTHY


def _newest(facts: Facts) -> datetime.datetime | None:
    moments = [check.state.at for check in facts.checks if check.state]
    if facts.state is not None:
        moments += [at for at in (facts.state.materialized_at, facts.state.observed_at, facts.state.failed_at) if at]
    return max(moments, default=None)
