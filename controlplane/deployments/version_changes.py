"""What a version of a code location changed: its definitions against those of the version before it that had loaded."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.definitions.comparison import Comparison
from controlplane.deployments.known_comparison import compared, from_hashes
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission

_LOOKED_BACK = 200


@dataclass(frozen=True)
class VersionChanges:
    """`before` is the number of the version that it is compared with; None for the first that loaded."""

    before: int | None
    comparison: Comparison


def changes_of(
    visible: Visible, location: CodeLocation, versions: Sequence[LocationVersion]
) -> dict[int, VersionChanges]:
    """By number of those of the versions that have loaded, as far as the caller may know of both; empty for whoever does not see the
    location itself. Call it inside org_scope.
    """
    if not versions or not visible.permits(Permission.LOCATION_READ, location=location.name):
        return {}
    newest = max(version.number for version in versions)
    loaded = visible.versions(location).filter(number__lte=newest).exclude(manifest_sha256="")
    known = list(loaded.values_list("number", "manifest_sha256")[:_LOOKED_BACK])
    before = dict(itertools.pairwise(known))
    wanted = {version.number for version in versions}
    found = {}
    for number, sha256 in known:
        if number in wanted:
            older = before.get((number, sha256))
            old = from_hashes(visible.org_id, {location.name: older[1]} if older else {})
            known_of_both = compared(old, from_hashes(visible.org_id, {location.name: sha256}), [visible])
            found[number] = VersionChanges(older[0] if older else None, known_of_both.comparison)
    return found
