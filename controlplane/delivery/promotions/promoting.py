"""Promotions within the rights of a caller: what would change, and beginning one. Views go through here.

SECURITY: a promotion copies code. It needs each code location to be deployable where it comes from, as its copy would, and where it goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from controlplane.definitions.comparison import Comparison
from controlplane.delivery.promotions import services as promotions
from controlplane.deployments.code import code_of, is_same_code
from controlplane.deployments.known_comparison import compared, from_hashes
from controlplane.deployments.models import CodeLocation, Deployment, LocationVersion, Promotion
from controlplane.deployments.selectors import versions_by_id
from controlplane.deployments.visibility import Visible, visible_to
from tenants.access import Access
from tenants.errors import ConflictError
from tenants.permissions import Permission
from tenants.scoping import org_scope


class LineState(StrEnum):
    """What a promotion would do to a code location."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    # Nothing has loaded there yet.
    NOT_LOADED = "not_loaded"


@dataclass(frozen=True)
class PromotionLine:
    """One code location as a promotion would find it: the version there, the version that is deployed here, and what would differ."""

    name: str
    state: LineState
    version: LocationVersion | None
    here: LocationVersion | None
    # None where one of the two defines nothing that we know of.
    comparison: Comparison | None = None

    @property
    def is_promotable(self) -> bool:
        return self.state in {LineState.NEW, LineState.CHANGED}


def preview(access: Access, source: Deployment, target: Deployment) -> list[PromotionLine]:
    """What promoting `source` into `target` would change, as far as the caller may promote, by name."""
    there, here = visible_to(access, source), visible_to(access, target)
    known = {row.name: row for row in here.code_locations()}
    return [
        _line(row, known.get(row.name), [there, here])
        for row in there.code_locations()
        if there.permits(Permission.LOCATION_READ, location=row.name)
        and (row.name not in known or here.permits(Permission.LOCATION_READ, location=row.name))
    ]


def promote_for(
    access: Access,
    source: Deployment,
    target: Deployment,
    names: Sequence[str] | None,
    seen: Mapping[str, UUID] | None = None,
) -> Promotion:
    """`promotions.promote` of what the caller may promote; ForbiddenError and NotFoundError as Visible.require."""
    there, here = visible_to(access, source), visible_to(access, target)
    chosen = (
        list(names)
        if names is not None
        else [line.name for line in preview(access, source, target) if line.is_promotable]
    )
    if not chosen:
        raise ConflictError(f"There is nothing in {source.name} that {target.name} has not already.")
    for name in chosen:
        there.location(name)
        there.require(Permission.LOCATION_WRITE, location=name)
        here.require(Permission.LOCATION_WRITE, location=name)
    return promotions.promote(
        org_id=access.org.id, source=source, target=target, locations=chosen, actor=access.actor, seen=seen
    )


def roll_back_for(access: Access, target: Deployment, promotion_id: UUID) -> Promotion:
    """`promotions.roll_back` where the caller may change every code location of it."""
    here = visible_to(access, target)
    with org_scope(access.org.id):
        found = promotions.promotion(access.org.id, target.id, promotion_id)
    for name in found.locations:
        here.require(Permission.LOCATION_WRITE, location=name)
    return promotions.roll_back(org_id=access.org.id, promotion_id=promotion_id, actor=access.actor)


def without_hidden_sources(access: Access, rows: Sequence[Promotion]) -> None:
    """Leave out the names of deployments that the caller may not enter; the rows are not to be saved. Call it inside org_scope."""
    there = Deployment.objects.for_org(access.org.id).filter(id__in={row.source_id for row in rows})
    hidden = {found.id for found in there if not access.may_enter(found.place)}
    for row in rows:
        if row.source_id in hidden:
            row.source_name = "another deployment"


def shown_locations(access: Access, target: Deployment, row: Promotion) -> dict[str, dict[str, str | None]]:
    """The code locations of a promotion that the caller may know of."""
    part = visible_to(access, target).part(Permission.LOCATION_READ)
    return {name: place for name, place in row.locations.items() if part.has_location(name)}


def versions_of(
    access: Access, target: Deployment, row: Promotion
) -> list[tuple[str, LocationVersion | None, LocationVersion | None]]:
    """By code location that the caller may know of: the version that it got, as they may see it, and the one before."""
    visible, places = visible_to(access, target), shown_locations(access, target, row)
    ids = [UUID(id_) for place in places.values() for word in ("version", "before") if (id_ := place[word])]
    known = {str(version_id): version for version_id, version in versions_by_id(row.org_id, ids).items()}
    found = []
    for name, place in sorted(places.items()):
        made = known.get(place["version"] or "")
        shown = visible.shown(name, made) if made is not None else None
        found.append((name, shown, known.get(place["before"] or "")))
    return found


def _line(there: CodeLocation, here: CodeLocation | None, within: Sequence[Visible]) -> PromotionLine:
    version, known = there.current, here.desired if here else None
    if version is None:
        return PromotionLine(there.name, LineState.NOT_LOADED, there.desired, known)
    same = known is not None and is_same_code(code_of(version), code_of(known))
    state = LineState.NEW if known is None else LineState.SAME if same else LineState.CHANGED
    serving = here.current if here else None
    comparison = _compared(there.name, serving, version, within) if state != LineState.SAME else None
    return PromotionLine(there.name, state, version, known, comparison)


def _compared(
    name: str, before: LocationVersion | None, after: LocationVersion, within: Sequence[Visible]
) -> Comparison | None:
    """As far as the caller may know of both deployments."""
    if not after.manifest_sha256 or (before is not None and not before.manifest_sha256):
        return None
    old = from_hashes(after.org_id, {name: before.manifest_sha256} if before is not None else {})
    return compared(old, from_hashes(after.org_id, {name: after.manifest_sha256}), within).comparison
