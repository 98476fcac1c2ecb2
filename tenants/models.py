"""Organizations, people and what they hold: memberships, teams, service accounts, roles, grants, tokens."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class OrganizationState(models.TextChoices):
    """What an organization can be used for."""

    ACTIVE = "active", "Active"
    READ_ONLY = "read_only", "Read-only"
    SUSPENDED = "suspended", "Suspended"
    PENDING_DELETION = "pending_deletion", "Pending deletion"


class Organization(models.Model):
    """A tenant. Reached only through a membership or a token."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=20, choices=OrganizationState.choices, default=OrganizationState.ACTIVE)
    state_reason = models.CharField(max_length=500, blank=True)
    state_changed_at = models.DateTimeField(null=True)
    # Of an organization that will be deleted: when, and the state that comes back when somebody thinks better of it.
    delete_after = models.DateTimeField(null=True)
    state_before = models.CharField(max_length=20, choices=OrganizationState.choices, blank=True)
    logo = models.BinaryField(null=True)
    logo_type = models.CharField(max_length=40, blank=True)
    # How long a session lives in this organization; null for the installation's.
    session_hours = models.PositiveIntegerField(null=True)
    # Networks (CIDR) from which people and tokens may come; empty for anywhere.
    allowed_networks = models.JSONField(default=list)

    class Meta:
        db_table = "organization"

    def __str__(self) -> str:
        return self.slug


class UserManager(BaseUserManager["User"]):
    """Users are found by e-mail, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person. One person may belong to many organizations."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "user_account"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_account_email_lower")]

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    """The built-in roles, each including those before it; permissions.py says what each holds."""

    VIEWER = "viewer", "Viewer"
    LAUNCHER = "launcher", "Launcher"
    EDITOR = "editor", "Editor"
    ADMIN = "admin", "Admin"
    ORGANIZATION_ADMIN = "organization_admin", "Organization Admin"


class Membership(TenantModel):
    """One person in one organization. What they may do there, grants say; while it is not active, nothing at all.

    The fields from `is_synced` on are what an identity provider knows of the person, when it manages the membership through SCIM.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    is_active = models.BooleanField(default=True)
    is_synced = models.BooleanField(default=False)
    user_name = models.CharField(max_length=254, null=True)
    external_id = models.CharField(max_length=254, blank=True)
    # The SCIM resource as it was last written, without what columns hold.
    scim = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "user"], name="membership_once"),
            models.UniqueConstraint("org_id", Lower("user_name"), name="membership_user_name_once"),
        ]
        indexes = [models.Index(fields=["org_id", "external_id"], name="membership_external_id")]


class Team(TenantModel):
    """People who hold grants together. `external_id` is the identity provider's, for a team that SCIM manages."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=200, blank=True)
    is_synced = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        db_table = "team"
        constraints = [models.UniqueConstraint("org_id", Lower("name"), name="team_name_once")]


class TeamMembership(TenantModel):
    """One person in one team."""

    pk = models.CompositePrimaryKey("org_id", "team_id", "user_id")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        db_table = "team_membership"
        indexes = [models.Index(fields=["org_id", "user"], name="team_membership_of_user")]


class ServiceAccount(TenantModel):
    """An identity for programs: holds grants as a person does, and has tokens of its own."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "service_account"
        constraints = [models.UniqueConstraint("org_id", Lower("name"), name="service_account_name_once")]


class CustomRole(TenantModel):
    """A role that the organization put together: names of permissions. `of_organization` says where it may be granted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    of_organization = models.BooleanField(default=False)
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        db_table = "custom_role"
        constraints = [models.UniqueConstraint("org_id", Lower("name"), name="custom_role_name_once")]


class Effect(models.TextChoices):
    """A grant gives rights, or takes away and hides."""

    ALLOW = "allow", "Allow"
    DENY = "deny", "Deny"


class GrantScope(models.TextChoices):
    """Where a grant holds."""

    ORGANIZATION = "organization", "The whole organization"
    DEPLOYMENT = "deployment", "One deployment"
    ALL_BRANCHES = "all_branches", "All branch deployments"
    BRANCHES_OF = "branches_of", "Branch deployments of one deployment"


class TargetKind(models.TextChoices):
    """On which part of the deployments of its scope a grant holds."""

    EVERYTHING = "everything", "Everything"
    LOCATION = "code_location", "A code location"
    GROUP = "group", "An asset group"
    TAG = "tag", "Assets with a tag"
    SELECTION = "selection", "An asset selection"
    OWNED = "owned", "What the person or a team of theirs owns"


class Grant(TenantModel):
    """A role, or a denial, for one person, team or service account: in a scope, on a target, perhaps until a time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(
        Team, null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    service_account = models.ForeignKey(
        ServiceAccount, null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    effect = models.CharField(max_length=5, choices=Effect.choices, default=Effect.ALLOW)
    # Of an allowing grant: a built-in role or a custom one.
    role = models.CharField(max_length=20, choices=Role.choices, blank=True)
    custom_role = models.ForeignKey(
        CustomRole, null=True, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    scope = models.CharField(max_length=12, choices=GrantScope.choices)
    # Of the scopes `deployment` and `branches_of`.
    deployment_id = models.UUIDField(null=True)
    target = models.CharField(max_length=14, choices=TargetKind.choices, default=TargetKind.EVERYTHING)
    # The location's or group's name, `key` or `key=value` of a tag, or the selection's text.
    target_value = models.CharField(max_length=1000, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "access_grant"
        indexes = [
            models.Index(fields=["org_id", "user"], name="access_grant_of_user"),
            models.Index(fields=["org_id", "team"], name="access_grant_of_team"),
            models.Index(fields=["org_id", "service_account"], name="access_grant_of_service"),
        ]
        constraints = [
            models.CheckConstraint(
                name="access_grant_one_holder",
                condition=models.Q(user__isnull=False, team=None, service_account=None)
                | models.Q(user=None, team__isnull=False, service_account=None)
                | models.Q(user=None, team=None, service_account__isnull=False),
            ),
            models.CheckConstraint(
                name="access_grant_role_or_denial",
                condition=models.Q(effect="deny", role="", custom_role=None)
                | (models.Q(effect="allow", custom_role=None) & ~models.Q(role=""))
                | models.Q(effect="allow", role="", custom_role__isnull=False),
            ),
            models.CheckConstraint(
                name="access_grant_scope_names_deployment",
                condition=models.Q(scope__in=["deployment", "branches_of"], deployment_id__isnull=False)
                | models.Q(scope__in=["organization", "all_branches"], deployment_id=None),
            ),
        ]


class TokenKind(models.TextChoices):
    """Who a token speaks for."""

    USER = "user", "User"
    SERVICE = "service", "Service account"
    AGENT = "agent", "Agent"
    SCIM = "scim", "SCIM"


class ApiToken(TenantModel):
    """A secret for programs; only its SHA-256 is stored, and the secret is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=TokenKind.choices)
    name = models.CharField(max_length=200)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    service_account = models.ForeignKey(
        ServiceAccount, null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    secret_sha256 = models.BinaryField(max_length=32)
    # Names of permissions the token is cut down to; null for all its holder has.
    scopes = models.JSONField(null=True)
    # What an agent token may serve (tenants.reach.Reach as JSON); null for everything.
    reach = models.JSONField(null=True)
    # Networks (CIDR) it may be used from; empty for those of the organization.
    allowed_networks = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254, blank=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True)
    # The token this one was made to replace; both live until the old one is revoked.
    replaces_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "api_token"
        indexes = [models.Index(fields=["org_id", "kind"], name="api_token_org_kind")]


class SignInLink(models.Model):
    """A one-time link that signs a person in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    secret_sha256 = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sign_in_link"
