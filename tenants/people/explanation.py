"""What can this person see and do, and why: every right with the grants it comes from, and what denials take away.

It asks the same code that decides: a grant is a source of a right when holding that grant alone would give the right.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tenants.grants import Holding, Holdings, Place, holdings_of_user
from tenants.models import Effect
from tenants.people.vocabulary import ENTRIES, PermissionEntry
from tenants.permissions import OF_DEPLOYMENTS, OF_MEMBERS, Permission


class Extent(StrEnum):
    """How much of the place a right is held on."""

    EVERYWHERE = "everywhere"
    ON_PARTS = "on_parts"
    # Some grant gives it, and a denial of everything takes it away.
    DENIED = "denied"
    NO = "no"


@dataclass(frozen=True)
class RightLine:
    """One right: how far it is held, and the grants that give it. `by_membership`: every member has it."""

    entry: PermissionEntry
    extent: Extent
    sources: tuple[Holding, ...]
    by_membership: bool = False


@dataclass(frozen=True)
class Explanation:
    """Rights in one place; `denials` take things away, and hide them, there."""

    lines: tuple[RightLine, ...]
    denials: tuple[Holding, ...]

    @property
    def is_hidden(self) -> bool:
        """Whether a denial hides all of the place."""
        return any(denial.target is None for denial in self.denials)


def explain(org_id: UUID, *, user_id: UUID, email: str, place: Place | None) -> Explanation:
    """A person's rights in a deployment, or over the organization for None. Call it inside org_scope."""
    holdings = holdings_of_user(org_id, user_id, email)
    return _in_deployment(holdings, place) if place is not None else _in_organization(holdings)


def _in_organization(holdings: Holdings) -> Explanation:
    held = holdings.in_organization()
    entries = (entry for entry in ENTRIES if entry.permission not in OF_DEPLOYMENTS)
    return Explanation(tuple(_line_in_organization(entry, holdings, held) for entry in entries), ())


def _line_in_organization(entry: PermissionEntry, holdings: Holdings, held: frozenset[Permission]) -> RightLine:
    sources = tuple(
        one
        for one in holdings.grants
        if one.effect == Effect.ALLOW and entry.permission in Holdings((one,)).in_organization() - OF_MEMBERS
    )
    extent = Extent.EVERYWHERE if entry.permission in held else Extent.NO
    return RightLine(entry, extent, sources, by_membership=entry.permission in OF_MEMBERS)


def _in_deployment(holdings: Holdings, place: Place) -> Explanation:
    denials = tuple(one for one in holdings.grants if one.effect == Effect.DENY and one.holds_at(place))
    rights = holdings.at(place)
    lines = []
    for entry in ENTRIES:
        if entry.permission not in OF_DEPLOYMENTS:
            continue
        sources = tuple(one for one in holdings.grants if entry.permission in Holdings((one,)).at(place).somewhere)
        if entry.permission in rights.everywhere:
            extent = Extent.EVERYWHERE
        elif entry.permission in rights.somewhere:
            extent = Extent.ON_PARTS
        else:
            extent = Extent.DENIED if sources else Extent.NO
        lines.append(RightLine(entry, extent, sources))
    return Explanation(tuple(lines), denials)
