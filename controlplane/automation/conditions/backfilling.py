"""Backfills that conditions ask for: where more than one partition of an asset is requested, one backfill makes them and what hangs on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.automation.backfills import requesting
from controlplane.automation.backfills.targets import Targets
from controlplane.automation.conditions.launching import actor
from controlplane.automation.models import Backfill, BackfillKind, Instigator, Tick
from controlplane.automation.requests import actor_of
from controlplane.runs.requests import PRIORITY_TAG
from tenants.access import Actor


@dataclass(frozen=True)
class AskedBackfill:
    """Keys with their place in the definition, by asset, upstreams first; and the tags of its runs."""

    keys: Mapping[str, Sequence[tuple[int, str]]]
    tags: Mapping[str, str]


def store(org_id: UUID, deployment_id: UUID, number: int, asked: AskedBackfill) -> Backfill:
    """Start it for the evaluation of this number. Joins the transaction that moves the conditions on: whoever dies, it is started once.

    Tags that no run may have are refused run by run, as for runs that conditions request.
    """
    title = f"Automation conditions, evaluation {number}"
    return _store(org_id, deployment_id, asked, actor(deployment_id), title=title, selection={"evaluation": number})


def store_of_tick(tick: Tick, row: Instigator, asked: AskedBackfill) -> Backfill:
    """The same for a tick of a sensor, in whose transaction it joins."""
    title = f"Automation conditions, tick of {row.name}"[: requesting.TITLE_MAX]
    selection = {"tick": str(tick.id)}
    return _store(tick.org_id, tick.deployment_id, asked, actor_of(row), title=title, selection=selection)


def _store(org_id: UUID, deployment_id: UUID, asked: AskedBackfill, by: Actor, **values: Any) -> Backfill:
    return requesting.store(
        org_id,
        deployment_id,
        Targets(asked.keys),
        actor=by,
        kind=BackfillKind.ASSETS,
        assets=list(asked.keys),
        **values,
        tags={name: value for name, value in asked.tags.items() if name not in (*requesting.RESERVED, PRIORITY_TAG)},
        priority=_priority(asked.tags.get(PRIORITY_TAG, "0")),
    )


def _priority(text: str) -> int:
    """As dagster's queue reads the tag of a run: what is no number counts for nothing."""
    try:
        wanted = int(text)
    except ValueError:
        return 0
    return max(-requesting.PRIORITY_MAX, min(requesting.PRIORITY_MAX, wanted))
