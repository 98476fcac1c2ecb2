"""`RunRequest(stale_assets_only=True)`: which assets of the request dagster calls stale or missing."""

from collections.abc import Sequence
from typing import Any

from dagster import AssetKey, DagsterInstance
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContext

from daggerboard_worker.compat import selected_asset_keys
from daggerboard_worker.loading import LoadedLocation


class Records(LoadingContext):
    """Where dagster keeps what it has read for one question."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        return self._loaders


def stale_assets(
    loaded: LoadedLocation, instance: DagsterInstance, assets: Sequence[AssetKey] | None, job: str | None
) -> list[AssetKey]:
    """Of those of the request, or of its job."""
    if assets is None:
        assert job is not None, "a request without assets is one of a job"
        assets = selected_asset_keys(loaded.repository.get_job(job))
    resolver = CachingStaleStatusResolver(instance, loaded.repository.asset_graph, Records(instance))
    return [key for key in assets if resolver.get_status(key) in (StaleStatus.STALE, StaleStatus.MISSING)]
