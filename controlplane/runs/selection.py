"""What a run will do: job and selection of a request, checked against the manifest of its code location. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.definitions.asset_keys import check_parts, check_text, to_parts, to_text
from controlplane.definitions.manifest import Asset, Job, Manifest, Op
from tenants.errors import InvalidError

# How many names an error message lists.
_NAMES = 5


@dataclass(frozen=True)
class Selection:
    """A job and what of it will run; null means all of it. Keys are user strings."""

    job: Job
    assets: list[str] | None
    checks: list[str] | None
    ops: list[str] | None
    # The assets that will be materialized, upstreams first as the job lists them.
    targets: list[str]
    # Definitions of everything that the run touches, selected or by default.
    touched: list[Asset]
    # Ids of the partitions definitions of the checks that were named.
    check_partitions: frozenset[str] = frozenset()


def resolve(
    manifest: Manifest,
    *,
    job_name: str | None,
    assets: Sequence[str] | None,
    checks: Sequence[str] | None,
    ops: Sequence[str] | None,
) -> Selection:
    """Find the job and check the selection; InvalidError names what does not exist. Without a job, the one of all assets is meant."""
    wanted = None if assets is None else list(dict.fromkeys(canonical_key(key) for key in assets))
    job = _named_job(manifest, job_name) if job_name else _implicit_job(manifest, wanted, checks)
    if job.implicit and not wanted and not checks:
        raise InvalidError("Say which assets or checks to run, or name a job.", attr="assets")
    of_job = {to_text(key) for key in job.assets}
    definitions = {to_text(asset.key): asset for asset in manifest.assets}
    if wanted:
        _check_assets(job, wanted, of_job, definitions)
        wanted = _with_siblings(wanted, of_job, definitions)
    if checks is not None:
        _check_checks(job, checks)
    if ops:
        _check_ops(job, ops)
    touched = [
        definitions[key] for key in (of_job if wanted is None and not checks else wanted or []) if key in definitions
    ]
    touched.sort(key=lambda asset: asset.key)
    return Selection(
        job=job,
        # Checks alone: dagster wants an empty asset selection beside them.
        assets=wanted if wanted is not None or checks is None else [],
        checks=None if checks is None else list(checks),
        ops=list(ops) if ops else None,
        targets=[to_text(asset.key) for asset in touched if asset.execution_type == "materialization"],
        touched=touched,
        check_partitions=_partitions_of_checks(manifest, checks or ()),
    )


def canonical_key(key: str) -> str:
    """An asset's key as we write it; InvalidError when it is none."""
    try:
        return to_text(to_parts(key))
    except ValueError as error:
        raise InvalidError(str(error), attr="assets") from error


def _named_job(manifest: Manifest, name: str) -> Job:
    for job in manifest.jobs:
        if job.name == name:
            return job
    raise InvalidError(f"The code location {manifest.location} has no job {name}.", attr="job")


def _implicit_job(manifest: Manifest, assets: Sequence[str] | None, checks: Sequence[str] | None) -> Job:
    """Dagster's own job of all assets; dagster before 1.10 has one for each partitioning."""
    implicit = [job for job in manifest.jobs if job.implicit]
    for job in implicit:
        if set(assets or ()) <= {to_text(key) for key in job.assets} and set(checks or ()) <= _checks_of(job):
            return job
    if not implicit:
        raise InvalidError(f"The code location {manifest.location} has no assets that can be run.", attr="assets")
    known = {to_text(key) for job in implicit for key in job.assets}
    unknown = [key for key in assets or () if key not in known]
    if unknown:
        raise InvalidError(_not_runnable(manifest, unknown), attr="assets")
    raise InvalidError("These assets and checks cannot run together: run them separately.", attr="assets")


def _not_runnable(manifest: Manifest, keys: Sequence[str]) -> str:
    defined = {to_text(asset.key) for asset in manifest.assets}
    external = [key for key in keys if key in defined]
    if external:
        return f"{_names(external)} cannot be materialized here: external assets are made elsewhere."
    return f"The code location {manifest.location} has no asset {_names(keys)}."


def _check_assets(job: Job, wanted: Sequence[str], of_job: set[str], definitions: dict[str, Asset]) -> None:
    if job.ops is not None and not job.assets:
        raise InvalidError(f"{job.name} is a job of ops: select ops, not assets.", attr="assets")
    unknown = [key for key in wanted if key not in of_job]
    if unknown:
        raise InvalidError(f"The job {job.name} does not contain {_names(unknown)}.", attr="assets")
    stuck = [key for key in wanted if key in definitions and not definitions[key].is_executable]
    if stuck:
        raise InvalidError(
            f"{_names(stuck)} cannot be materialized here: external assets are made elsewhere.", attr="assets"
        )


def _with_siblings(wanted: list[str], of_job: set[str], definitions: dict[str, Asset]) -> list[str]:
    """What is computed together can only be run together: the others come along."""
    sets = {definitions[key].execution_set for key in wanted if key in definitions} - {None}
    if not sets:
        return wanted
    siblings = (key for key, asset in definitions.items() if asset.execution_set in sets and key in of_job)
    return list(dict.fromkeys([*wanted, *sorted(siblings)]))


def _checks_of(job: Job) -> set[str]:
    return {f"{to_text(asset)}:{name}" for asset, name in job.checks}


def _partitions_of_checks(manifest: Manifest, checks: Sequence[str]) -> frozenset[str]:
    wanted = set(checks)
    named = (check for check in manifest.checks if wanted and check_text(check.asset, check.name) in wanted)
    return frozenset(check.partitions for check in named if check.partitions)


def _check_checks(job: Job, checks: Sequence[str]) -> None:
    for check in checks:
        try:
            check_parts(check)
        except ValueError as error:
            raise InvalidError(str(error), attr="checks") from error
    unknown = [check for check in checks if check not in _checks_of(job)]
    if unknown:
        raise InvalidError(f"The job {job.name} does not contain the checks {_names(unknown)}.", attr="checks")


def _check_ops(job: Job, ops: Sequence[str]) -> None:
    """Dagster's op selection: names, nested ones with dots, `*` and `+` for neighbours."""
    if job.assets:
        raise InvalidError(f"{job.name} is a job of assets: select assets, not ops.", attr="ops")
    known = set(_op_paths(job.ops or [], ""))
    unknown = [op for op in ops if op.strip("*+") not in known and op != "*"]
    if unknown:
        raise InvalidError(f"The job {job.name} does not contain the ops {_names(unknown)}.", attr="ops")


def _op_paths(ops: Sequence[Op], prefix: str) -> list[str]:
    paths = []
    for op in ops:
        paths.append(prefix + op.name)
        paths.extend(_op_paths(op.ops or [], f"{prefix}{op.name}."))
    return paths


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return f"{shown} and {len(names) - _NAMES} more" if len(names) > _NAMES else shown
