"""What a promotion puts into its target: the versions that serve in the source and differ from what is deployed there."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from controlplane.deployments.code import code_of, is_same_code
from controlplane.deployments.models import CodeLocation, Deployment, LocationVersion
from tenants.errors import ConflictError, NotFoundError


def chosen_of(
    org_id: UUID, source: Deployment, target: Deployment, names: Sequence[str] | None
) -> list[tuple[str, LocationVersion, UUID | None]]:
    """What to promote: code location, its version there, and the version that is deployed here now. Call it inside org_scope.

    NotFoundError for a name that is not there, ConflictError when there is nothing to promote.
    """
    rows = CodeLocation.objects.for_org(org_id).select_related("current", "desired")
    there = {row.name: row for row in rows.filter(deployment_id=source.id)}
    here = {row.name: row for row in rows.filter(deployment_id=target.id)}
    missing = sorted(set(names or ()) - set(there))
    if missing:
        raise NotFoundError(f"There is no code location {missing[0]} in {source.name}.")
    chosen = []
    for name in sorted(there) if names is None else sorted(set(names)):
        version, known = there[name].current, here.get(name)
        if version is None:
            if names is not None:
                raise ConflictError(f"Nothing of {name} has loaded in {source.name} yet: there is nothing to promote.")
            continue
        desired = known.desired if known else None
        if desired is None or not is_same_code(code_of(version), code_of(desired)):
            chosen.append((name, version, _good(known)))
    if not chosen:
        raise ConflictError(f"{target.name} has the same code as {source.name} already: there is nothing to promote.")
    return chosen


def check_seen(
    chosen: Sequence[tuple[str, LocationVersion, UUID | None]], source: Deployment, seen: Mapping[str, UUID] | None
) -> None:
    """ConflictError when another version serves by now than was compared (`seen`, by code location); None: nothing was."""
    for name, version, _before in chosen:
        if seen is not None and seen.get(name) != version.id:
            raise ConflictError(
                f"{name} in {source.name} is version {version.number} by now, which is not what was compared. Compare again, then promote."
            )


def _good(location: CodeLocation | None) -> UUID | None:
    """What to go back to: the last version that loaded."""
    return location.current_id if location else None
