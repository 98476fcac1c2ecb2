"""The definitions of a deployment without what somebody may not see: as if the code did not define it. Pure, and cached."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import (
    Asset,
    Check,
    Job,
    Manifest,
    PartitionsDefinition,
    Resource,
    Schedule,
    Sensor,
)
from controlplane.deployments.current_definitions import DeploymentDefinitions, LocationDefinitions
from controlplane.deployments.filtered_config import without_ops_of
from controlplane.deployments.parts import Kept, Part

# Manifests share what was not changed with the unfiltered ones.
_filtered = Kept(16)


def filtered(definitions: DeploymentDefinitions, part: Part) -> DeploymentDefinitions:
    """Only what the part covers; the definitions themselves when that is everything."""
    if part.is_everything:
        return definitions
    identity = (definitions.fingerprint, part.rule)
    manifests = _filtered.get(identity, lambda: _manifests(definitions, part))
    return DeploymentDefinitions(
        by_location={
            name: LocationDefinitions(found.location, found.version, manifests[name])
            for name, found in definitions.by_location.items()
            if name in manifests
        },
        cut_from=identity,
        order=definitions.order,
    )


def _manifests(definitions: DeploymentDefinitions, part: Part) -> dict[str, Manifest]:
    return {
        name: _manifest(found.manifest, part, whole=part.has_whole_location(name))
        for name, found in definitions.by_location.items()
        if part.has_location(name)
    }


def _manifest(manifest: Manifest, part: Part, *, whole: bool) -> Manifest:
    jobs = [_job(job, part) for job in manifest.jobs if has_job(job, part, whole=whole)]
    names = {job.name for job in jobs}
    assets = [_asset(asset, part, names) for asset in manifest.assets if part.has_asset(to_text(asset.key))]
    checks = [_check(check, part, names) for check in manifest.checks if part.has_asset(to_text(check.asset))]
    left = replace(
        manifest,
        assets=assets,
        checks=checks,
        jobs=jobs,
        schedules=[kept for one in manifest.schedules if (kept := _schedule(one, part, names, whole=whole))],
        sensors=[sensor for one in manifest.sensors if (sensor := _sensor(one, part, names, whole=whole))],
        resources=[used for one in manifest.resources if (used := _resource(one, part, names, whole=whole))],
        env_vars=manifest.env_vars if whole else {},
        conditions=_named(manifest.conditions, [*(a.automation for a in assets), *(c.automation for c in checks)]),
        partitions_definitions=_partitions(
            manifest.partitions_definitions,
            [*(a.partitions for a in assets), *(c.partitions for c in checks), *(j.partitions for j in jobs)],
        ),
    )
    cut = [job for job in jobs if is_cut(manifest, job)]
    return without_ops_of(left, cut)


def has_job(job: Job, part: Part, *, whole: bool) -> bool:
    """Whether a job shows: one of ops belongs to its location, one of assets and checks shows while one of them does."""
    if not job.assets and not job.checks:
        return whole
    return any(part.has_asset(key) for key in _assets_of(job))


def has_hidden(job: Job, part: Part) -> bool:
    """Whether a job makes, observes or checks an asset that the part does not cover."""
    return not all(part.has_asset(key) for key in _assets_of(job))


def _assets_of(job: Job) -> set[str]:
    return {to_text(key) for key in job.assets} | {to_text(asset) for asset, _name in job.checks}


def is_cut(manifest: Manifest, job: Job) -> bool:
    """Whether the job is only a part of what the code defines; `manifest` is the unfiltered one."""
    [whole] = [one for one in manifest.jobs if one.name == job.name]
    return len(whole.assets) != len(job.assets) or len(whole.checks) != len(job.checks)


def _job(job: Job, part: Part) -> Job:
    assets = [key for key in job.assets if part.has_asset(to_text(key))]
    checks = [(asset, name) for asset, name in job.checks if part.has_asset(to_text(asset))]
    if len(assets) == len(job.assets) and len(checks) == len(job.checks):
        return job
    return replace(job, assets=assets, checks=checks, op_count=len(assets))


def _asset(asset: Asset, part: Part, jobs: set[str]) -> Asset:
    deps = [dependency for dependency in asset.deps if part.has_asset(to_text(dependency.asset))]
    return replace(asset, deps=deps, jobs=[name for name in asset.jobs if name in jobs])


def _check(check: Check, part: Part, jobs: set[str]) -> Check:
    deps = [key for key in check.deps if part.has_asset(to_text(key))]
    return replace(check, deps=deps, jobs=[name for name in check.jobs if name in jobs])


def _schedule(schedule: Schedule, part: Part, jobs: set[str], *, whole: bool) -> Schedule | None:
    assets = _keys(schedule.assets, part)
    if schedule.job is not None and schedule.job not in jobs:
        return None
    if schedule.job is None and not assets and (schedule.assets or not whole):
        return None
    return replace(schedule, assets=assets, asset_selection=_selection(schedule.asset_selection, part))


def _sensor(sensor: Sensor, part: Part, jobs: set[str], *, whole: bool) -> Sensor | None:
    assets, watched = _keys(sensor.assets, part), _keys(sensor.watched_assets, part) or []
    named = [name for name in sensor.jobs if name in jobs]
    names_something = bool(sensor.jobs or sensor.assets or sensor.watched_assets)
    if not (named or assets or watched) and (names_something or not whole):
        return None
    selection = _selection(sensor.asset_selection, part)
    return replace(sensor, assets=assets, watched_assets=watched, jobs=named, asset_selection=selection)


def _resource(resource: Resource, part: Part, jobs: set[str], *, whole: bool) -> Resource | None:
    assets, named = _keys(resource.assets, part) or [], [name for name in resource.jobs if name in jobs]
    if not whole and not assets and not named:
        return None
    return replace(resource, assets=assets, jobs=named, schedules=[], sensors=[])


def _keys(keys: list[list[str]] | None, part: Part) -> list[list[str]] | None:
    return None if keys is None else [key for key in keys if part.has_asset(to_text(key))]


def _selection(text: str | None, part: Part) -> str | None:
    """A selection as the code wrote it may name anything."""
    return None if part.other_assets else text


def _named(table: Mapping[str, Any], names: Iterable[str | None]) -> dict[str, Any]:
    wanted = set(names)
    return {name: value for name, value in table.items() if name in wanted}


def _partitions(
    table: Mapping[str, PartitionsDefinition], names: Iterable[str | None]
) -> dict[str, PartitionsDefinition]:
    """Those that are named, and their dimensions."""
    kept: dict[str, PartitionsDefinition] = _named(table, names)
    parts = [part.partitions for definition in kept.values() for part in definition.dimensions or []]
    return {**_named(table, parts), **kept}
