"""The explanation of a person's rights as pages show it: grouped, with each source in words."""

from dataclasses import dataclass

from tenants.grants import Holding
from tenants.models import Membership, TargetKind
from tenants.people.explanation import Extent, RightLine, explain
from tenants.people.places import NamedPlace
from tenants.people.visible_grants import GrantViewer
from tenants.people.wording import grant_words


@dataclass(frozen=True)
class SourceShown:
    """A grant in words, through whom it came, and until when."""

    words: str
    held: Holding


@dataclass(frozen=True)
class RightShown:
    """One right with its sources."""

    line: RightLine
    sources: list[SourceShown]

    @property
    def is_held(self) -> bool:
        return self.line.extent in {Extent.EVERYWHERE, Extent.ON_PARTS}


@dataclass(frozen=True)
class RightsShown:
    """All of it; `denials` only for those who administer the place."""

    groups: list[tuple[str, list[RightShown]]]
    denials: list[SourceShown]
    is_hidden: bool

    @property
    def held(self) -> int:
        return sum(right.is_held for _group, rights in self.groups for right in rights)

    @property
    def all(self) -> int:
        return sum(len(rights) for _group, rights in self.groups)


def rights_shown(viewer: GrantViewer, membership: Membership, named: NamedPlace | None) -> RightsShown:
    """What this member may do in a deployment, or over the organization for None, as the caller may know it."""
    explained = explain(
        membership.org_id,
        user_id=membership.user_id,
        email=membership.user.email,
        place=named.place if named else None,
    )
    groups: dict[str, list[RightShown]] = {}
    for line in explained.lines:
        sources = [_source(viewer, held) for held in line.sources]
        groups.setdefault(line.entry.group, []).append(RightShown(line, sources))
    # What is hidden from a person is not named to them.
    denials = explained.denials if viewer.may_administer(named) else ()
    return RightsShown(list(groups.items()), [_source(viewer, held) for held in denials], explained.is_hidden)


def _source(viewer: GrantViewer, held: Holding) -> SourceShown:
    held = viewer.masked(held)
    target = held.target
    words = grant_words(
        role=held.role,
        scope=held.scope,
        deployment=viewer.deployment_name(held),
        target=target.kind if target else TargetKind.EVERYTHING,
        value=(target.value or "…") if target else "",
    )
    return SourceShown(words, held)
