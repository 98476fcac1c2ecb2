"""The user's job as it runs here: already loaded, with an executor that stays in this process tree."""

import copy
from typing import Any

from dagster import AssetCheckKey, AssetKey, JobDefinition
from dagster._core.definitions.reconstruct import ReconstructableJob

from daggerboard_worker.loading import LoadedLocation


class HostedJob(ReconstructableJob):
    """Hands out the definitions this process has. Pickled (by the user's own spawn executor) it becomes the real recipe."""

    definition: JobDefinition
    repository_definition: Any

    def get_definition(self) -> JobDefinition:  # type: ignore[override,unused-ignore]
        return self.definition

    def get_repository_definition(self) -> Any:  # type: ignore[override,unused-ignore]
        return self.repository_definition

    def get_subset(self, **_selection: Any) -> "HostedJob":
        return self

    def with_repository_load_data(self, metadata: Any) -> "HostedJob":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return ReconstructableJob, tuple(self)

    __hash__ = ReconstructableJob.__hash__


def host_job(
    loaded: LoadedLocation,
    *,
    job: str,
    op_selection: list[str] | None,
    assets: frozenset[AssetKey] | None,
    checks: frozenset[AssetCheckKey] | None,
) -> HostedJob:
    definition = loaded.repository.get_maybe_subset_job_def(
        job, op_selection=op_selection, asset_selection=assets, asset_check_selection=checks
    )
    hosted = HostedJob(loaded.reconstructable, job, op_selection, assets, checks)
    hosted.definition = copy.copy(definition)
    hosted.repository_definition = loaded.repository
    return hosted
