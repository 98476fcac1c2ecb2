"""Which conditions have to be evaluated: whom a change concerns, and who is to be looked at again after an evaluation.

An evaluation moves on with itself: a condition that was newly true is not so the next time, and what was requested was requested one
tick ago. So a condition is evaluated until it has said the same twice with nothing having happened in between, and whoever looks at what
was requested once more.
"""

import datetime
from collections.abc import Set as AbstractSet

from dagster._core.definitions.asset_key import EntityKey

from controlplane.catalog.changes import Changes
from controlplane.evaluator.conditions.selective import Evaluated, Outcome
from controlplane.evaluator.conditions.watching import Watches
from controlplane.evaluator.entities import asset_key

# Who requests the same again and again while nothing happens does so as often as with dagster's daemon, and not without a pause.
AGAIN_SECONDS = 30.0


def concerned(watches: Watches, changes: Changes) -> set[EntityKey]:
    """Whose conditions look at what changed."""
    found: set[EntityKey] = set()
    for text in changes.assets:
        found |= watches.by_asset.get(asset_key(text), frozenset()) if text else watches.with_dynamic_partitions
    return found


def due_next(
    evaluated: Evaluated,
    watches: Watches,
    eligible: frozenset[EntityKey],
    now: datetime.datetime,
    *,
    changed: AbstractSet[EntityKey],
    again_seconds: float = AGAIN_SECONDS,
) -> dict[EntityKey, datetime.datetime | None]:
    """When each that was evaluated is to be evaluated without anything having happened, and who else is.

    `changed` are those that were evaluated because of changes.
    """
    news = {key for key, outcome in evaluated.outcomes.items() if outcome.is_news}
    due: dict[EntityKey, datetime.datetime | None] = {}
    for key, outcome in evaluated.outcomes.items():
        is_settled = key not in changed and not news & watches.of(key).entities
        is_settled = is_settled and not _time_has_come(watches, key, outcome, now)
        due[key] = watches.next_moment(key, now) if is_settled else now
    again = now + datetime.timedelta(seconds=again_seconds)
    for key in evaluated.requested:
        at = now if key in news or key not in evaluated.outcomes else again
        for follower in {key} | (watches.followers.get(key, frozenset()) & eligible):
            due[follower] = earlier(due.get(follower), at)
    return due


def _time_has_come(watches: Watches, key: EntityKey, outcome: Outcome, now: datetime.datetime) -> bool:
    """Whether time alone may have changed what it says, since it was evaluated before."""
    moment = watches.next_moment(key, outcome.evaluated_before) if outcome.evaluated_before else None
    return outcome.evaluated_before is None or (moment is not None and moment <= now)


def earlier(first: datetime.datetime | None, second: datetime.datetime | None) -> datetime.datetime | None:
    """The earlier of two moments, None being never."""
    moments = [moment for moment in (first, second) if moment is not None]
    return min(moments, default=None)
