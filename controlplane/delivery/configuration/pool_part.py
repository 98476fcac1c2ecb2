"""Limits of concurrency pools; pools with the deployment's default are left out."""

from typing import Any

from controlplane.core.lined_yaml import Place
from controlplane.delivery.configuration.parts import Change, Part, Wanted
from controlplane.delivery.project.lined import Strict
from controlplane.runs import pools
from controlplane.runs.limits import NONE, limits_of
from tenants.permissions import Permission


class PoolPart(Part):
    """By name: how many slots."""

    key = "pools"
    prunes = True

    def current(self) -> dict[str, Any]:
        visible = self.context.visible
        if not visible.part(Permission.RUN_READ).is_everything:
            return {}
        return dict(limits_of(visible.org_id, [visible.deployment_id]).get(visible.deployment_id, NONE).own_pools)

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        wanted = Wanted({})
        for name, limit in strict.free_mapping(value, place).items():
            if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= pools.LIMIT_MAX:
                strict.wrong(f"A pool has 0 to {pools.LIMIT_MAX} slots.", (*place, name))
            wanted.units[name] = limit
        return wanted

    def require(self, change: Change) -> None:
        self.context.visible.require_on_all(Permission.CONCURRENCY_WRITE)

    def apply(self, change: Change) -> None:
        pools.set_limit(self.context.visible, change.unit, change.after, actor=self.context.actor)
