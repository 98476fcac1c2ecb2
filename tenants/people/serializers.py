"""The JSON of grants, members, teams, roles, invitations, and of explained rights."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers

from tenants.errors import InvalidError
from tenants.models import Effect, GrantScope, Role, TargetKind, Team
from tenants.people.explanation import Extent
from tenants.people.grants import Holder, HolderKind
from tenants.people.models import Invitation
from tenants.people.places import NamedPlace
from tenants.people.roles import MAX_DESCRIPTION, MAX_NAME, RoleTerms
from tenants.people.teams import MAX_NAME as MAX_TEAM_NAME
from tenants.people.terms import MAX_REASON, MAX_TARGET, GrantTerms
from tenants.people.visible_grants import GrantView

_LEVELS = ("deployment", "organization", "organization_wide")


class TermsSerializer(serializers.Serializer[Any]):
    """A role or a denial, in a scope, on a target, perhaps until a time."""

    effect = serializers.ChoiceField(
        Effect.choices, default=Effect.ALLOW, help_text="`deny` takes away everything on its target, and hides it."
    )
    role = serializers.ChoiceField(
        Role.choices, default=None, allow_null=True, help_text="A built-in role; or give `custom_role`. None to deny."
    )
    custom_role = serializers.UUIDField(default=None, allow_null=True, help_text="The id of a custom role.")
    scope = serializers.ChoiceField(GrantScope.choices)
    deployment = serializers.CharField(
        default=None,
        allow_null=True,
        max_length=100,
        help_text="The name of a deployment, for the scopes `deployment` and `branches_of`.",
    )
    target = serializers.ChoiceField(TargetKind.choices, default=TargetKind.EVERYTHING)
    target_value = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_TARGET,
        help_text="The location, the group, the tag (`key` or `key=value`) or the selection.",
    )
    reason = serializers.CharField(default="", allow_blank=True, max_length=MAX_REASON)
    expires_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="When it ends by itself; needs a `reason`."
    )

    @staticmethod
    def terms(asked: Mapping[str, Any], places: Mapping[UUID, NamedPlace]) -> GrantTerms:
        """Validated JSON as terms; InvalidError for a deployment that is not among `places`."""
        return GrantTerms(
            scope=GrantScope(asked["scope"]),
            effect=Effect(asked["effect"]),
            role=Role(asked["role"]) if asked["role"] else None,
            custom_role_id=asked["custom_role"],
            deployment_id=_deployment_id(asked["deployment"], places),
            target=TargetKind(asked["target"]),
            target_value=asked["target_value"],
            reason=asked["reason"],
            expires_at=asked["expires_at"],
        )


def _deployment_id(name: str | None, places: Mapping[UUID, NamedPlace]) -> UUID | None:
    if not name:
        return None
    for deployment_id, named in places.items():
        if named.name == name:
            return deployment_id
    raise InvalidError(f"There is no deployment called {name}, or you may not know of it.", attr="deployment")


class GiveSerializer(TermsSerializer):
    """Terms, and who gets them: a person, a team or a service account."""

    user = serializers.UUIDField(default=None, allow_null=True)
    team = serializers.UUIDField(default=None, allow_null=True)
    service_account = serializers.UUIDField(default=None, allow_null=True)

    @staticmethod
    def holder(asked: Mapping[str, Any]) -> Holder:
        """InvalidError unless exactly one is named."""
        named = [Holder(kind, asked[kind.value]) for kind in HolderKind if asked[kind.value]]
        if len(named) != 1:
            raise InvalidError("Name one holder: a user, a team or a service_account.", attr="user")
        return named[0]


class NamedSerializer(serializers.Serializer[Any]):
    """Something with an id and a name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class HolderSerializer(NamedSerializer):
    """Who holds a grant."""

    kind = serializers.ChoiceField([kind.value for kind in HolderKind])


class GrantSerializer(serializers.Serializer[GrantView]):
    """A grant as the caller may see it."""

    id = serializers.UUIDField(source="row.id")
    holder = HolderSerializer()
    effect = serializers.ChoiceField(Effect.choices, source="row.effect")
    role = serializers.CharField(
        source="row.role", help_text="A built-in role; empty for a custom one and for a denial."
    )
    custom_role = NamedSerializer(source="row.custom_role", allow_null=True)
    scope = serializers.ChoiceField(GrantScope.choices, source="row.scope")
    deployment = serializers.CharField(allow_null=True)
    target = serializers.ChoiceField(TargetKind.choices, source="row.target")
    target_value = serializers.CharField(help_text="Empty where it could name what is hidden from you.")
    reason = serializers.CharField(source="row.reason")
    expires_at = serializers.DateTimeField(source="row.expires_at", allow_null=True)
    is_expired = serializers.BooleanField()
    created_at = serializers.DateTimeField(source="row.created_at")
    created_by = serializers.CharField(source="row.created_by")
    may_revoke = serializers.BooleanField(help_text="Whether you may take it back.")


class MemberSerializer(serializers.Serializer[Any]):
    """A person in the organization, with their teams and the grants of their own that you may know of."""

    user_id = serializers.UUIDField(source="membership.user_id")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    joined_at = serializers.DateTimeField(source="membership.created_at")
    is_active = serializers.BooleanField(source="membership.is_active")
    is_synced = serializers.BooleanField(
        source="membership.is_synced", help_text="Whether an identity provider manages it."
    )
    teams = NamedSerializer(many=True)
    grants = GrantSerializer(many=True)


class TeamSerializer(serializers.Serializer[Any]):
    """A team, how many people are in it, and its grants that you may know of."""

    id = serializers.UUIDField(source="team.id")
    name = serializers.CharField(source="team.name")
    is_synced = serializers.BooleanField(source="team.is_synced", help_text="Whether an identity provider manages it.")
    created_at = serializers.DateTimeField(source="team.created_at")
    people = serializers.IntegerField(help_text="How many.")
    grants = GrantSerializer(many=True)


class NameTeamSerializer(serializers.Serializer[Team]):
    """A team's name."""

    name = serializers.CharField(max_length=MAX_TEAM_NAME)


class RoleSerializer(serializers.Serializer[Any]):
    """A role. Built-in ones have a `key`, custom ones an `id`."""

    key = serializers.CharField(allow_null=True, help_text="What `role` of a grant is; null for a custom role.")
    id = serializers.UUIDField(allow_null=True, help_text="What `custom_role` of a grant is; null for a built-in one.")
    name = serializers.CharField()
    description = serializers.CharField()
    of_organization = serializers.BooleanField(help_text="Whether it can be granted over the whole organization only.")
    permissions = serializers.ListField(child=serializers.CharField())
    grants = serializers.IntegerField(allow_null=True, help_text="Through how many it is held; null for built-in ones.")


class WriteRoleSerializer(serializers.Serializer[Any]):
    """What a custom role should be."""

    name = serializers.CharField(max_length=MAX_NAME)
    description = serializers.CharField(default="", allow_blank=True, max_length=MAX_DESCRIPTION)
    of_organization = serializers.BooleanField(default=False)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=200,
        help_text="Our names, or those of Dagster+ (`TOGGLE_SENSORS`): then the role sees everything besides.",
    )

    @staticmethod
    def terms(asked: Mapping[str, Any]) -> RoleTerms:
        return RoleTerms(
            name=asked["name"],
            permissions=tuple(asked["permissions"]),
            description=asked["description"],
            of_organization=asked["of_organization"],
        )


class PermissionSerializer(serializers.Serializer[Any]):
    """One permission of the vocabulary."""

    permission = serializers.CharField()
    group = serializers.CharField()
    description = serializers.CharField()
    level = serializers.ChoiceField(
        _LEVELS, help_text="`organization_wide` comes with an organization-wide grant only."
    )
    lowest_role = serializers.ChoiceField(
        Role.choices, source="lowest", help_text="The first built-in role that holds it."
    )
    dagster_plus = serializers.ListField(child=serializers.CharField(), help_text="What Dagster+ calls it.")


class InviteSerializer(serializers.Serializer[Any]):
    """Whom to invite, and what they will hold."""

    email = serializers.EmailField()
    grants = TermsSerializer(many=True, default=list)
    teams = serializers.ListField(child=serializers.UUIDField(), default=list, help_text="Ids of teams to join.")


class InvitationSerializer(serializers.Serializer[Invitation]):
    """A pending invitation, without its secret."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    grants = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    teams = serializers.ListField(child=serializers.UUIDField())
    invited_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class SourceSerializer(serializers.Serializer[Any]):
    """A grant as the source of a right, or as what takes rights away."""

    grant_id = serializers.UUIDField()
    effect = serializers.ChoiceField(Effect.choices)
    through_team = serializers.CharField(source="team", help_text="The team's name; empty for a grant of their own.")
    role = serializers.CharField()
    scope = serializers.ChoiceField(GrantScope.choices)
    deployment = serializers.CharField(allow_null=True)
    target = serializers.ChoiceField(TargetKind.choices)
    target_value = serializers.CharField()
    reason = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class RightSerializer(serializers.Serializer[Any]):
    """One right, how far it is held, and why."""

    permission = serializers.CharField(source="entry.permission")
    description = serializers.CharField(source="entry.description")
    held = serializers.ChoiceField([extent.value for extent in Extent], source="extent")
    by_membership = serializers.BooleanField(help_text="Whether every member has it.")
    sources = SourceSerializer(many=True)


class RightsSerializer(serializers.Serializer[Any]):
    """What a person can see and do in one place, and why."""

    user_id = serializers.UUIDField()
    email = serializers.EmailField()
    deployment = serializers.CharField(allow_null=True, help_text="Null for the organization itself.")
    is_hidden = serializers.BooleanField(help_text="Whether a denial hides all of it.")
    rights = RightSerializer(many=True)
    denials = SourceSerializer(many=True)
