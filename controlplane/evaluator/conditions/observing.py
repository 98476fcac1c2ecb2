"""Observable source assets with `auto_observe_interval_minutes`: a run observes each once so many minutes have passed since the last one was
requested, as long as a running sensor of conditions selects it.

Where each stands is kept beside the conditions (ConditionState), by a name that no asset, check or job has: `evaluated_at` is when it was
requested last, `next_due_at` when it is to be again.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dagster._core.definitions.asset_key import AssetKey
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from controlplane.automation.models import ConditionState
from controlplane.automation.requests import Asked
from controlplane.definitions.asset_keys import observed_text
from controlplane.evaluator.conditions.following import AGAIN_SECONDS
from controlplane.evaluator.entities import text_of
from controlplane.runs.requests import RunRequest

# Dagster's own tag of such a run.
AUTO_OBSERVE_TAG = "dagster/auto_observe"
# Dagster's sensors look no more often. Who says a longer time means never.
_SHORTEST, _LONGEST = AGAIN_SECONDS / 60, 60.0 * 24 * 3650


@dataclass(frozen=True)
class Observations:
    """What of one sensor is to be observed now, and when each is requested again, of those for which that is other than stored."""

    due: list[AssetKey]
    # By asset, when an observation was requested last, and when the next one is due.
    moments: Mapping[AssetKey, tuple[datetime.datetime, datetime.datetime]]


def entity(key: AssetKey) -> str:
    """As it is stored."""
    return observed_text(text_of(key))


def interval(graph: BaseAssetGraph[Any], key: AssetKey) -> datetime.timedelta | None:
    """How long after a request the next one is due; None where it is not observed by itself."""
    minutes = graph.get(key).auto_observe_interval_minutes
    return datetime.timedelta(minutes=min(max(minutes, _SHORTEST), _LONGEST)) if minutes and minutes > 0 else None


def look(
    org_id: UUID, deployment_id: UUID, graph: BaseAssetGraph[Any], keys: Iterable[AssetKey], now: datetime.datetime
) -> Observations:
    """Of these assets, each of which has an interval. Call it inside org_scope."""
    by_entity = {entity(key): key for key in keys}
    rows = ConditionState.objects.for_org(org_id).filter(deployment_id=deployment_id, entity__in=list(by_entity))
    stored = {name: moments for name, *moments in rows.values_list("entity", "evaluated_at", "next_due_at")}
    due, moved = [], {}
    for name, key in sorted(by_entity.items()):
        waits = interval(graph, key) or datetime.timedelta()
        last, known = stored.get(name, (None, None))
        if last is None or last + waits <= now:
            due.append(key)
            moved[key] = (now, now + waits)
        elif known != last + waits:
            # Its code says another interval than before.
            moved[key] = (last, last + waits)
    return Observations(due, moved)


def asked(graph: BaseAssetGraph[Any], location: str, keys: Iterable[AssetKey], tags: Mapping[str, str]) -> list[Asked]:
    """One run for all that have the same partitions, if any: it observes them as a whole."""
    together: dict[Any, list[str]] = defaultdict(list)
    for key in keys:
        together[graph.get(key).partitions_def].append(text_of(key))
    tagged = {**tags, AUTO_OBSERVE_TAG: "true"}
    return [Asked(RunRequest(location=location, assets=sorted(texts), tags=tagged)) for texts in together.values()]


def store(org_id: UUID, deployment_id: UUID, number: int, observations: Observations) -> None:
    """Joins the transaction that keeps what is requested."""
    rows = [
        ConditionState(
            org_id=org_id,
            deployment_id=deployment_id,
            entity=entity(key),
            cursor="",
            number=number,
            evaluated_at=requested_at,
            next_due_at=next_at,
        )
        for key, (requested_at, next_at) in observations.moments.items()
    ]
    ConditionState.unscoped.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["deployment_id", "entity"],
        update_fields=["number", "evaluated_at", "next_due_at"],
    )
