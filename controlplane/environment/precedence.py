"""Which of several variables with one name counts. Pure: it sees rows, and asks nothing.

A variable with listed code locations beats one without; among equals, one branch's beats that of all branches.
Two that would be equal in some place cannot both be there: `rivals` finds them before they are stored.
"""

from collections.abc import Iterable

from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.environment.models import EnvironmentVariable


def holds_in(variable: EnvironmentVariable, deployment: Deployment) -> bool:
    """Whether the deployment is in the variable's scope."""
    if deployment.kind == DeploymentKind.FULL:
        return variable.in_full and variable.deployment_id == deployment.id
    if variable.deployment_id != deployment.parent_id:
        return False
    return variable.in_all_branches or variable.branch_id == deployment.id


def holds_for(variable: EnvironmentVariable, location: str) -> bool:
    """Whether the code location is among those of the variable."""
    return not variable.locations or location in variable.locations


def ranked(variables: Iterable[EnvironmentVariable]) -> dict[str, list[EnvironmentVariable]]:
    """By name, the one that counts first and those it beats after it; give it only what holds in one place."""
    by_name: dict[str, list[EnvironmentVariable]] = {}
    for variable in sorted(variables, key=_rank):
        by_name.setdefault(variable.name, []).append(variable)
    return dict(sorted(by_name.items()))


def _rank(variable: EnvironmentVariable) -> tuple[bool, bool, object]:
    return (not variable.locations, variable.branch_id is None, variable.id)


def rivals(variable: EnvironmentVariable, others: Iterable[EnvironmentVariable]) -> list[EnvironmentVariable]:
    """Others of its name that neither it nor they would beat, somewhere."""
    return [
        other
        for other in others
        if other.id != variable.id
        and other.name == variable.name
        and _share_scope(variable, other)
        and _share_location(variable, other)
    ]


def _share_scope(one: EnvironmentVariable, other: EnvironmentVariable) -> bool:
    if one.branch_id is not None or other.branch_id is not None:
        return one.branch_id == other.branch_id
    return (
        (one.in_full and other.in_full)
        or (one.in_all_branches and other.in_all_branches)
        or (one.in_local and other.in_local)
    )


def _share_location(one: EnvironmentVariable, other: EnvironmentVariable) -> bool:
    if not one.locations or not other.locations:
        return not one.locations and not other.locations
    return bool(set(one.locations) & set(other.locations))
