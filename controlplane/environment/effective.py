"""What one code location gets in one deployment, and where each part of it comes from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from controlplane.deployments.models import CodeLocation, Deployment, LocationVersion
from controlplane.environment.branch_facts import BranchContext
from controlplane.environment.built_in import FLEETING, built_in
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
    context: BranchContext | None,
) -> list[EffectiveVariable]:
    """By name: what Daggerboard sets, and of `known` what holds here. Values of variables are not opened.

    SECURITY: strangers wrote the code of a fork; it gets no variable of anybody, not even one that somebody set for it alone.
    """
    set_by_us = [
        EffectiveVariable(name, value=value) for name, value in built_in(deployment, location, version, context).items()
    ]
    is_fork = context is not None and context.branch.is_fork
    here = [] if is_fork else [v for v in known if holds_in(v, deployment) and holds_for(v, location.name)]
    chosen = [EffectiveVariable(name, rows[0], beaten=rows[1:]) for name, rows in ranked(here).items()]
    return sorted([*set_by_us, *chosen], key=lambda found: found.name)


def fingerprint(found: Iterable[EffectiveVariable]) -> str:
    """Changes whenever what the location gets does, and tells nothing of it. Code is loaded anew with it, so what is fleeting does not count."""
    parts = [
        [part.name, part.value]
        if part.variable is None
        else [part.name, str(part.variable.id), part.variable.updated_at.isoformat()]
        for part in found
        if part.name not in FLEETING
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
