"""Reads of people: members with their teams and grants, teams with their people, roles with how often they are held."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from tenants.models import CustomRole, Grant, Membership, ServiceAccount, Team, TeamMembership, User
from tenants.people.visible_grants import GrantView, GrantViewer


@dataclass(frozen=True)
class MemberLine:
    """A member, their teams by name, and the grants of their own that the caller may know of."""

    membership: Membership
    teams: list[Team] = field(default_factory=list)
    grants: list[GrantView] = field(default_factory=list)

    @property
    def user(self) -> User:
        return self.membership.user


@dataclass(frozen=True)
class TeamLine:
    """A team, how many people are in it, and its grants that the caller may know of."""

    team: Team
    people: int
    grants: list[GrantView] = field(default_factory=list)


def members(org_id: UUID, *, q: str = "", team_id: UUID | None = None) -> QuerySet[Membership]:
    """Memberships with their people; only those whose name or address has `q` in it, or who are in a team."""
    rows = Membership.objects.for_org(org_id).select_related("user")
    if q:
        rows = rows.filter(Q(user__email__icontains=q) | Q(user__name__icontains=q))
    if team_id is not None:
        people = TeamMembership.objects.for_org(org_id).filter(team_id=team_id)
        rows = rows.filter(user_id__in=people.values("user_id"))
    return rows


def member_lines(org_id: UUID, viewer: GrantViewer, rows: Sequence[Membership]) -> list[MemberLine]:
    """These members with teams and grants, in three queries."""
    ids = [row.user_id for row in rows]
    teams: dict[UUID, list[Team]] = defaultdict(list)
    links = TeamMembership.objects.for_org(org_id).filter(user_id__in=ids).select_related("team")
    for link in links.order_by("team__name"):
        teams[link.user_id].append(link.team)
    grants: dict[UUID | None, list[GrantView]] = defaultdict(list)
    for grant in viewer.rows().filter(user_id__in=ids).order_by("id"):
        grants[grant.user_id].append(viewer.view(grant))
    return [MemberLine(row, teams[row.user_id], grants[row.user_id]) for row in rows]


def teams(org_id: UUID) -> QuerySet[Team]:
    """Every team."""
    return Team.objects.for_org(org_id)


def team_lines(org_id: UUID, viewer: GrantViewer, rows: Sequence[Team]) -> list[TeamLine]:
    """These teams with what they hold, in three queries."""
    ids = [row.id for row in rows]
    links = TeamMembership.objects.for_org(org_id).filter(team_id__in=ids)
    people = dict(links.values_list("team_id").annotate(Count("user_id")))
    grants: dict[UUID | None, list[GrantView]] = defaultdict(list)
    for grant in viewer.rows().filter(team_id__in=ids).order_by("id"):
        grants[grant.team_id].append(viewer.view(grant))
    return [TeamLine(row, people.get(row.id, 0), grants[row.id]) for row in rows]


def custom_roles(org_id: UUID) -> QuerySet[CustomRole]:
    """Custom roles of the organization."""
    return CustomRole.objects.for_org(org_id)


def times_held(org_id: UUID) -> dict[UUID | None, int]:
    """Through how many grants each custom role is held."""
    rows = Grant.objects.for_org(org_id).exclude(custom_role=None)
    return dict(rows.values_list("custom_role_id").annotate(Count("id")))


def service_accounts(org_id: UUID) -> QuerySet[ServiceAccount]:
    """Service accounts, which hold grants as people do."""
    return ServiceAccount.objects.for_org(org_id)
