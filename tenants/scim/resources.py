"""Between rows and SCIM resources: a membership is a User, a team is a Group."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from scim2_models import GroupMembership, Meta, Reference

from tenants.models import Membership, Team, TeamMembership
from tenants.scim.schemas import Group, GroupMember, Member

# Held by columns, made here, or not kept at all.
_NOT_STORED = ("id", "meta", "schemas", "groups", "password", "userName", "externalId")


def stored_document(user: Any) -> dict[str, Any]:
    """What of a User is kept as JSON beside the columns."""
    document: dict[str, Any] = user.model_dump(scim_ctx=None, by_alias=True, exclude_none=True, mode="json")
    return {name: value for name, value in document.items() if name not in _NOT_STORED}


def users(rows: Sequence[Membership], *, base: str) -> list[Any]:
    """The Users of some memberships (with their accounts), each with its teams. Call it inside org_scope."""
    teams: dict[UUID, list[Team]] = {row.user_id: [] for row in rows}
    if rows:
        joined = TeamMembership.objects.for_org(rows[0].org_id).filter(user_id__in=list(teams)).select_related("team")
        for found in joined.order_by("team__name"):
            teams[found.user_id].append(found.team)
    return [_user(row, teams[row.user_id], base) for row in rows]


def _user(row: Membership, teams: Iterable[Team], base: str) -> Any:
    user = Member.model_validate(row.scim or _document_of_account(row), scim_ctx=None)
    user.id, user.user_name, user.external_id = str(row.id), user_name(row), row.external_id or None
    # Who removes the attribute changes nothing about the member, and is not told of it again until they set it.
    user.active = row.is_active if user.active is not None or not row.scim else None
    user.groups = [
        GroupMembership(value=str(team.id), ref=_address(base, "Groups", team.id), display=team.name, type="direct")
        for team in teams
    ] or None
    user.meta = _meta("User", row, base)
    return user


def user_name(row: Membership) -> str:
    """The name that the identity provider gave, or the e-mail address of a member it does not manage yet."""
    return row.user_name if row.user_name is not None else row.user.email


def _document_of_account(row: Membership) -> dict[str, Any]:
    name = {"displayName": row.user.name, "name": {"formatted": row.user.name}} if row.user.name else {}
    return {"emails": [{"value": row.user.email, "type": "work", "primary": True}], **name}


def groups(rows: Sequence[Team], *, base: str, with_members: bool = True) -> list[Group]:
    """The Groups of some teams; without their members when nobody asks for these. Call it inside org_scope."""
    members: dict[UUID, list[UUID]] = {row.id: [] for row in rows}
    if rows and with_members:
        for team_id, membership_id in _members(rows[0].org_id, list(members)):
            members[team_id].append(membership_id)
    return [_group(row, members[row.id], base) for row in rows]


def _members(org_id: UUID, team_ids: list[UUID]) -> list[tuple[UUID, UUID]]:
    """Team and membership, of people who are members; by the time they became one."""
    joined = TeamMembership.objects.for_org(org_id).filter(team_id__in=team_ids)
    rows = list(joined.values_list("team_id", "user_id"))
    people = Membership.objects.for_org(org_id).filter(user_id__in={user for _team, user in rows})
    ids = dict(people.values_list("user_id", "id"))
    return sorted((team, ids[user]) for team, user in rows if user in ids)


def _group(row: Team, members: Iterable[UUID], base: str) -> Group:
    return Group(
        id=str(row.id),
        external_id=row.external_id or None,
        display_name=row.name,
        members=[GroupMember(value=str(member), ref=_address(base, "Users", member), type="User") for member in members]
        or None,
        meta=_meta("Group", row, base),
    )


def _meta(kind: str, row: Membership | Team, base: str) -> Meta:
    location = _address(base, f"{kind}s", row.id)
    return Meta(resource_type=kind, created=row.created_at, last_modified=row.updated_at, location=location)


def _address(base: str, endpoint: str, resource_id: UUID) -> Any:
    return Reference[Any](f"{base}/{endpoint}/{resource_id}")
