"""What an identity provider does with teams. A team that it touches is its own from then on (`is_synced`).

What a team holds stays with the organization: SCIM says who is in it.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError, NotFoundError
from tenants.models import Grant, Membership, Team, TeamMembership
from tenants.people.admins import lock_people
from tenants.people.grants import remove_grant
from tenants.scim.accounts import UniquenessError
from tenants.scim.schemas import Group
from tenants.scoping import org_scope

_NAME_MAX = 200


def team(org_id: UUID, resource_id: str) -> Team:
    """One team; NotFoundError when there is none with this id. Call it inside org_scope."""
    try:
        wanted = UUID(resource_id)
    except ValueError:
        wanted = UUID(int=0)
    found = Team.objects.for_org(org_id).filter(id=wanted).first()
    if found is None:
        raise NotFoundError("There is no such group.")
    return found


def create_group(*, org_id: UUID, group: Group, actor: Actor) -> Team:
    """Add a team with its members; UniquenessError when its name is taken."""
    with org_scope(org_id):
        lock_people(org_id)
        row = Team(org_id=org_id)
        _write(row, group)
        record(org_id=org_id, actor=actor, action="team.provision", target=_target(row), after={"name": row.name})
        _set_members(row, group, actor)
    return row


def change_group(*, org_id: UUID, resource_id: str, group: Group, actor: Actor) -> Team:
    """Make the team be what the whole resource says."""
    with org_scope(org_id):
        lock_people(org_id)
        row = team(org_id, resource_id)
        before = _facts(row)
        _write(row, group)
        if _facts(row) != before:
            record(
                org_id=org_id,
                actor=actor,
                action="team.update",
                target=_target(row),
                before=before,
                after=_facts(row),
            )
        _set_members(row, group, actor)
    return row


def delete_group(*, org_id: UUID, resource_id: str, actor: Actor) -> None:
    """Delete a team with its grants."""
    with org_scope(org_id):
        lock_people(org_id)
        row = team(org_id, resource_id)
        for grant in list(Grant.objects.for_org(org_id).filter(team=row).select_related("custom_role")):
            remove_grant(org_id=org_id, actor=actor, row=grant)
        people = TeamMembership.objects.for_org(org_id).filter(team=row)
        before = {**_facts(row), "members": sorted(people.values_list("user__email", flat=True))}
        people.delete()
        Team.objects.for_org(org_id).filter(id=row.id).delete()
        record(org_id=org_id, actor=actor, action="team.delete", target=_target(row), before=before)


def _write(row: Team, group: Group) -> None:
    name, external_id = (group.display_name or "").strip(), group.external_id or ""
    if not name or len(name) > _NAME_MAX or "\0" in name + external_id or len(external_id) > _NAME_MAX:
        raise InvalidError(
            f"displayName is 1 to {_NAME_MAX} characters, externalId at most as many.", attr="displayName"
        )
    row.name, row.external_id, row.is_synced = name, external_id, True
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise UniquenessError(f"There is a team called {name} already.") from error


def _set_members(row: Team, group: Group, actor: Actor) -> None:
    wanted = _people(row.org_id, [str(known.value) for known in group.members or [] if known.value])
    rows = TeamMembership.objects.for_org(row.org_id).filter(team=row)
    now = dict(rows.values_list("user_id", "user__email"))
    gone = set(now) - set(wanted)
    rows.filter(user_id__in=gone).delete()
    come = [user for user in wanted if user not in now]
    TeamMembership.unscoped.bulk_create(TeamMembership(org_id=row.org_id, team=row, user_id=user) for user in come)
    if gone or come:
        changed = {"added": sorted(wanted[user] for user in come), "removed": sorted(now[user] for user in gone)}
        record(org_id=row.org_id, actor=actor, action="team.set_members", target=_target(row), after=changed)


def _people(org_id: UUID, resource_ids: Iterable[str]) -> dict[UUID, str]:
    """Accounts and addresses of members by their SCIM ids; InvalidError when one is no member's."""
    ids = set(resource_ids)
    try:
        found = Membership.objects.for_org(org_id).filter(id__in={UUID(known) for known in ids})
        people = {row.user_id: row.user.email for row in found.select_related("user")}
    except ValueError:
        people = {}
    if len(people) != len(ids):
        raise InvalidError("A member of the group is no user of this organization.", attr="members")
    return people


def _target(row: Team) -> AuditTarget:
    return AuditTarget("team", row.id, row.name)


def _facts(row: Team) -> dict[str, object]:
    return {"name": row.name, "external_id": row.external_id, "is_synced": row.is_synced}
