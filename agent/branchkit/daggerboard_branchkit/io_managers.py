"""An IO manager that writes to the branch and reads upstreams from the base where the branch has none."""

from __future__ import annotations

from typing import Any, Union

import dagster as dg

from daggerboard_branchkit.branch import Branch, current_branch

# What people write in `resources`: an IO manager itself, or one with config (`ConfigurableIOManager`, `ConfigurableIOManagerFactory`).
AnyIOManager = Union["dg.IOManager", "dg.ConfigurableIOManagerFactory[Any]"]


class BranchIOManager(dg.IOManager):
    """Wraps two IO managers of one kind: `base` for what the full deployment has, `own` for what this branch makes.

    What the branch has is what was materialized in it: each deployment has an event log of its own. In a full deployment all goes to
    the base. An input of several partitions of which the branch has some is read partition by partition, and comes as a dictionary by
    partition key, as Dagster's own IO managers give it.

    Either may be an IO manager itself or a configurable one as it stands in `resources`, such as
    `dg.FilesystemIOManager(base_dir=…)` or `DuckDBPandasIOManager(database=…)`; its config must be there when the code loads.
    TypeError for anything else.
    """

    def __init__(self, *, base: AnyIOManager, own: AnyIOManager, branch: Branch | None = None) -> None:
        self._base, self._own = _made(base, "base"), _made(own, "own")
        self._branch = branch

    @classmethod
    def here(cls, *, base: AnyIOManager, own: AnyIOManager) -> BranchIOManager:
        """For the deployment of this process."""
        return cls(base=base, own=own, branch=current_branch())

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        (self._base if self._branch is None else self._own).handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        if self._branch is None:
            return self._base.load_input(context)
        if not context.has_asset_key:
            # An output of an op: made in this very run.
            return self._own.load_input(context)
        if not context.has_asset_partitions:
            return (self._own if self._has_asset(context) else self._base).load_input(context)
        return self._load_partitions(context)

    def _load_partitions(self, context: dg.InputContext) -> Any:
        keys = list(context.asset_partition_keys)
        made_here = self._partitions_made_here(context)
        here = [key for key in keys if key in made_here]
        if len(here) in {0, len(keys)}:
            return (self._own if here else self._base).load_input(context)
        return {
            key: (self._own if key in made_here else self._base).load_input(_OnePartition(context, key)) for key in keys
        }

    @staticmethod
    def _has_asset(context: dg.InputContext) -> bool:
        if _is_made_by_this_run(context):
            return True
        return context.instance.get_latest_materialization_event(context.asset_key) is not None

    @staticmethod
    def _partitions_made_here(context: dg.InputContext) -> set[str]:
        made = set(context.instance.get_materialized_partitions(context.asset_key))
        return made | set(context.asset_partition_keys) if _is_made_by_this_run(context) else made


class _OnePartition:
    """An input context, of one of its partitions only."""

    def __init__(self, context: dg.InputContext, key: str) -> None:
        self._context, self._key = context, key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    @property
    def asset_partition_keys(self) -> list[str]:
        return [self._key]

    @property
    def asset_partition_key(self) -> str:
        return self._key

    @property
    def partition_key(self) -> str:
        return self._key

    @property
    def asset_partition_key_range(self) -> dg.PartitionKeyRange:
        return dg.PartitionKeyRange(self._key, self._key)

    def get_identifier(self) -> list[str]:
        return [*self._context.asset_key.path, self._key]

    def get_asset_identifier(self) -> list[str]:
        return self.get_identifier()


def _made(manager: Any, name: str) -> Any:
    """The IO manager itself; a configurable one is made, as Dagster makes it before a run."""
    if hasattr(manager, "handle_output") and hasattr(manager, "load_input"):
        return manager
    if hasattr(manager, "create_io_manager"):
        return manager.create_io_manager(dg.build_init_resource_context())
    raise TypeError(f"{name} of a BranchIOManager is an IO manager, not {type(manager).__name__}.")


def _is_made_by_this_run(context: dg.InputContext) -> bool:
    """Whether a step of this run, or of the one that it continues, made it: then it is the branch's.

    Dagster gives inputs from elsewhere an output context whose step is called none.
    """
    upstream = context.upstream_output
    return upstream is not None and upstream.step_key != "none"
