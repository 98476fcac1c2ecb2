"""Concurrency pools: a step that is in one asks the control plane for a slot before it starts, and gives it back when it ends."""

import time
from collections.abc import Sequence
from typing import Any

from dagster._core.instance.config import PoolConfig, PoolGranularity
from dagster._core.storage.event_log.base import PoolLimit
from dagster._utils.concurrency import ConcurrencyClaimStatus, ConcurrencySlotStatus

from daggerboard_worker.own_run import own
from daggerboard_worker.storage_config import AgentBacked

Json = dict[str, Any]
# A run whose steps are in no pool asks for nothing.
NOTHING: Json = {"granularity": "op", "default_limit": None, "run_buffer": None, "limits": {}}
# Steps that wait look at the limits again and again: people may change them meanwhile.
KEPT_SECONDS = 5.0


class Pools(AgentBacked):
    supports_global_concurrency_limits = True
    _kept: tuple[float, Json] | None = None

    def pool_config(self) -> Json:
        if own.pools is not None and not own.pools:
            return NOTHING
        now = time.monotonic()
        if self._kept is None or now > self._kept[0] + KEPT_SECONDS:
            self._kept = (now, self.read("pool_config"))
        return self._kept[1]

    def get_pool_config(self) -> PoolConfig:
        found = self.pool_config()
        return PoolConfig(
            pool_granularity=PoolGranularity(found["granularity"]),
            default_pool_limit=found["default_limit"],
            op_granularity_run_buffer=found["run_buffer"],
        )

    def get_pool_limits(self) -> Sequence[PoolLimit]:
        return [PoolLimit(name=name, limit=limit, from_default=False) for name, limit in self.limits().items()]

    def limits(self) -> dict[str, int]:
        found: dict[str, int] = self.pool_config()["limits"]
        return found

    def get_concurrency_keys(self) -> set[str]:
        return set(self.limits())

    def initialize_concurrency_limit_to_default(self, concurrency_key: str) -> bool:
        """The control plane knows defaults by itself."""
        return concurrency_key in self.limits()

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        found = self.read("claim_pool_slot", pool=concurrency_key, step=step_key, priority=priority or 0)
        return status(concurrency_key, bool(found["claimed"]), found["again_after"])

    def check_concurrency_claim(self, concurrency_key: str, run_id: str, step_key: str) -> ConcurrencyClaimStatus:
        return status(concurrency_key, bool(self.read("has_pool_slot", pool=concurrency_key, step=step_key)))

    def free_concurrency_slot_for_step(self, run_id: str, step_key: str) -> None:
        if run_id == self.run_id:
            self.read("free_pool_slots", step=step_key)

    def free_concurrency_slots_for_run(self, run_id: str) -> None:
        """They are freed with the run's end, by the control plane."""


def status(pool: str, claimed: bool, again_after: float | None = None) -> ConcurrencyClaimStatus:
    """`again_after` is in how many seconds dagster should ask again."""
    state = ConcurrencySlotStatus.CLAIMED if claimed else ConcurrencySlotStatus.BLOCKED
    return ConcurrencyClaimStatus(concurrency_key=pool, slot_status=state, sleep_interval=again_after)


def pools_of(plan: Any) -> frozenset[str]:
    """Those of the plan's steps; of what a dynamic output fans out to, too."""
    return frozenset(pool for step in plan.step_dict.values() if (pool := getattr(step, "pool", None)))
