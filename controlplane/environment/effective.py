"""What one code location gets in one deployment, and where each part of it comes from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion
from controlplane.environment.models import EnvironmentVariable
from controlplane.environment.precedence import holds_for, holds_in, ranked


@dataclass(frozen=True)
class EffectiveVariable:
    """A name that code sees. `variable` is where its value comes from, None for what Daggerboard sets; `beaten` counts less."""

    name: str
    variable: EnvironmentVariable | None = None
    value: str | None = None
    beaten: list[EnvironmentVariable] = field(default_factory=list)


def effective(
    deployment: Deployment,
    location: CodeLocation,
    version: LocationVersion | None,
    known: Iterable[EnvironmentVariable],
) -> list[EffectiveVariable]:
    """By name: what Daggerboard sets, and of `known` what holds here. Values of variables are not opened."""
    set_by_us = [
        EffectiveVariable(name, value=value) for name, value in built_in(deployment, location, version).items()
    ]
    here = [v for v in known if holds_in(v, deployment) and holds_for(v, location.name)]
    chosen = [EffectiveVariable(name, rows[0], beaten=rows[1:]) for name, rows in ranked(here).items()]
    return sorted([*set_by_us, *chosen], key=lambda found: found.name)


def built_in(deployment: Deployment, location: CodeLocation, version: LocationVersion | None) -> dict[str, str]:
    """What every process of the location gets, under Dagster+'s names, so that code written for it runs, and under ours."""
    branch = deployment.kind == DeploymentKind.BRANCH
    commit, repository = (version.git_commit, version.git_url) if version is not None else ("", "")
    names = {
        ("DAGSTER_CLOUD_DEPLOYMENT_NAME", "DAGGERBOARD_DEPLOYMENT"): deployment.name,
        ("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "DAGGERBOARD_IS_BRANCH_DEPLOYMENT"): "1" if branch else "",
        ("DAGSTER_CLOUD_LOCATION_NAME", "DAGSTER_LOCATION_NAME", "DAGGERBOARD_CODE_LOCATION"): location.name,
        ("DAGSTER_CLOUD_GIT_SHA", "DAGGERBOARD_GIT_SHA"): commit,
        ("DAGSTER_CLOUD_GIT_URL", "DAGSTER_CLOUD_RAW_GIT_URL", "DAGGERBOARD_GIT_URL"): repository,
    }
    return {name: value for alike, value in names.items() if value for name in alike}


def fingerprint(found: Iterable[EffectiveVariable]) -> str:
    """Changes whenever what the location gets does, and tells nothing of it."""
    parts = [
        [part.name, part.value]
        if part.variable is None
        else [part.name, str(part.variable.id), part.variable.updated_at.isoformat()]
        for part in found
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
