"""Reads about freshness, as dagster's `get_freshness_state_records` asks for them."""

from typing import Any

from controlplane.catalog.models import FreshnessState
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs.instance_scope import KEYS_MAX, Arguments, Scope, key_text


class FreshnessStates(Arguments, frozen=True):
    assets: list[list[str]]


def freshness_states(scope: Scope, args: FreshnessStates) -> list[dict[str, Any]]:
    """Of those that have a policy: `state` is a FreshnessState of dagster, `ts` since when it holds, in seconds since the epoch."""
    rows = scope.rows(FreshnessState).filter(asset_key__in=[key_text(asset) for asset in args.assets])
    return [
        {"asset": to_parts(row.asset_key), "state": row.state, "ts": row.changed_at.timestamp()}
        for row in rows.order_by("asset_key")[:KEYS_MAX]
    ]


METHODS: dict[str, Any] = {"freshness_states": (FreshnessStates, freshness_states)}
