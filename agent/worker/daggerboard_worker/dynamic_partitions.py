"""Dynamic partitions: kept by the control plane, changed from user code."""

from collections.abc import Sequence
from typing import Any

from daggerboard_worker.storage_config import AgentBacked


class DynamicPartitions(AgentBacked):
    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        return self.read("dynamic_partitions", name=partitions_def_name)  # type: ignore[no-any-return]

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        return bool(self.read("has_dynamic_partition", name=partitions_def_name, partition=partition_key))

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        self.read("add_dynamic_partitions", name=partitions_def_name, partitions=list(partition_keys))

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        self.read("delete_dynamic_partition", name=partitions_def_name, partition=partition_key)

    def get_paginated_dynamic_partitions(
        self, partitions_def_name: str, limit: int, ascending: bool, cursor: str | None = None
    ) -> Any:
        from dagster._core.types.pagination import PaginatedResults

        keys = self.get_dynamic_partitions(partitions_def_name)
        return PaginatedResults.create_from_sequence(keys, limit=limit, ascending=ascending, cursor=cursor)
