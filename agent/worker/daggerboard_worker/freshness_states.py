"""How fresh assets are: the control plane judges freshness policies and answers what it found."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetKey

from daggerboard_worker.storage_config import AgentBacked


class FreshnessStates(AgentBacked):
    def get_freshness_state_records(self, keys: Sequence[AssetKey]) -> Mapping[AssetKey, Any]:
        # Older releases have no such record, and nobody who asks.
        from dagster._core.definitions.freshness import FreshnessState, FreshnessStateRecord, FreshnessStateRecordBody

        found = {}
        for answer in self.read("freshness_states", assets=[key.path for key in keys]):
            key = AssetKey(answer["asset"])
            found[key] = FreshnessStateRecord(
                entity_key=key,
                freshness_state=FreshnessState(answer["state"]),
                updated_at=datetime.datetime.fromtimestamp(answer["ts"], datetime.timezone.utc),  # noqa: UP017 - Python 3.10 of the user's
                record_body=FreshnessStateRecordBody(metadata={}),
            )
        return found
