"""What a version of a code location changed: its definitions against those of the version before it that had loaded."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.definitions import selectors as definitions
from controlplane.definitions.comparison import Comparison, compare
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
    """By number of those of the versions that have loaded; empty for whoever sees only a part of the location. Call it inside org_scope."""
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
            comparison = _compared(visible.org_id, location.name, older[1] if older else "", sha256)
            found[number] = VersionChanges(older[0] if older else None, comparison)
    return found


@functools.lru_cache(maxsize=256)
def _compared(org_id: UUID, name: str, before: str, after: str) -> Comparison:
    """Content-addressed, so that it is the same for ever."""
    old = {name: definitions.manifest(org_id, before)} if before else {}
    return compare(old, {name: definitions.manifest(org_id, after)})
