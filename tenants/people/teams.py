"""Teams: who is in them, and their names. What they hold, grants say (grants.py)."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from tenants.access import Access
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import Grant, Membership, Team, TeamMembership, User
from tenants.people.admins import lock_people, require_an_admin
from tenants.people.authority import require_authority_over
from tenants.people.grants import remove_grant
from tenants.permissions import Permission
from tenants.scoping import org_scope

MAX_NAME = 200


def create_team(*, access: Access, name: str) -> Team:
    """Add a team that holds nothing and has nobody in it; ConflictError when the name is taken."""
    access.require(Permission.TEAM_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        try:
            with transaction.atomic():
                team = Team.objects.create_in(org_id, name=_checked_name(name))
        except IntegrityError as error:
            raise _taken(name) from error
        record(org_id=org_id, actor=access.actor, action="team.create", target=_target(team), after={"name": team.name})
    return team


def rename_team(*, access: Access, team_id: UUID, name: str) -> Team:
    """Give a team another name; ConflictError when it is taken, or the identity provider manages the team."""
    access.require(Permission.TEAM_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        found = _editable(access, team_id)
        before = found.name
        found.name = _checked_name(name)
        # What `team:<name>` owns changes with the name: a name must not give the team what the caller may not give.
        require_authority_over(access, team_grants(org_id, team_id))
        try:
            with transaction.atomic():
                found.save(update_fields=["name", "updated_at"])
        except IntegrityError as error:
            raise _taken(name) from error
        record(
            org_id=org_id,
            actor=access.actor,
            action="team.rename",
            target=_target(found),
            before={"name": before},
            after={"name": found.name},
        )
    return found


def delete_team(*, access: Access, team_id: UUID) -> None:
    """Delete a team with its grants. ConflictError when nobody would administer the organization."""
    access.require(Permission.TEAM_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        found = _editable(access, team_id)
        grants = team_grants(org_id, team_id)
        require_authority_over(access, grants)
        for row in grants:
            remove_grant(org_id=org_id, actor=access.actor, row=row)
        people = list(_people(org_id, team_id).values_list("user__email", flat=True))
        _people(org_id, team_id).delete()
        Team.objects.for_org(org_id).filter(id=team_id).delete()
        record(
            org_id=org_id,
            actor=access.actor,
            action="team.delete",
            target=_target(found),
            before={"name": found.name, "members": people},
        )
        require_an_admin(org_id)


def add_to_team(*, access: Access, team_id: UUID, user_id: UUID) -> None:
    """Put a member into a team, with all that it holds, if they are not in it yet."""
    access.require(Permission.TEAM_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        found = _editable(access, team_id)
        require_authority_over(access, team_grants(org_id, team_id))
        user = _member(org_id, user_id)
        if not _people(org_id, team_id).filter(user=user).exists():
            put_into_team(access, found, user)


def put_into_team(access: Access, team: Team, user: User) -> None:
    """One row with its line in the audit log; for callers that checked everything."""
    org_id = access.org.id
    TeamMembership.objects.create_in(org_id, team=team, user=user)
    action, who = "team.add_member", {"member": user.email}
    record(org_id=org_id, actor=access.actor, action=action, target=_target(team), after=who)


def remove_from_team(*, access: Access, team_id: UUID, user_id: UUID) -> None:
    """Take a person out of a team; NotFoundError when they are not in it, ConflictError when nobody would administer."""
    access.require(Permission.TEAM_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        found = _editable(access, team_id)
        require_authority_over(access, team_grants(org_id, team_id))
        rows = _people(org_id, team_id).filter(user_id=user_id)
        email = rows.values_list("user__email", flat=True).first()
        if email is None:
            raise NotFoundError("This person is not in the team.")
        rows.delete()
        record(
            org_id=org_id,
            actor=access.actor,
            action="team.remove_member",
            target=_target(found),
            before={"member": email},
        )
        require_an_admin(org_id)


def team(org_id: UUID, team_id: UUID) -> Team:
    """One team; NotFoundError when there is none. Call it inside org_scope."""
    found = Team.objects.for_org(org_id).filter(id=team_id).first()
    if found is None:
        raise NotFoundError("There is no such team.")
    return found


def team_grants(org_id: UUID, team_id: UUID) -> list[Grant]:
    """What the team holds or is denied. Call it inside org_scope."""
    return list(Grant.objects.for_org(org_id).filter(team_id=team_id).select_related("custom_role"))


def _editable(access: Access, team_id: UUID) -> Team:
    found = team(access.org.id, team_id)
    if found.is_synced:
        raise ConflictError(f"{found.name} comes from your identity provider. Change it there.")
    return found


def _people(org_id: UUID, team_id: UUID) -> QuerySet[TeamMembership]:
    return TeamMembership.objects.for_org(org_id).filter(team_id=team_id)


def _member(org_id: UUID, user_id: UUID) -> User:
    row = Membership.objects.for_org(org_id).select_related("user").filter(user_id=user_id).first()
    if row is None:
        raise NotFoundError("There is no such member in this organization.")
    return row.user


def _checked_name(name: str) -> str:
    text = name.strip()
    if not text or len(text) > MAX_NAME or not text.isprintable():
        raise InvalidError(f"The name of a team is 1 to {MAX_NAME} printable characters.", attr="name")
    return text


def _taken(name: str) -> ConflictError:
    return ConflictError(f"There is already a team called {name.strip()}.", attr="name")


def _target(found: Team) -> AuditTarget:
    return AuditTarget("team", found.id, found.name)
