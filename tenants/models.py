"""Organizations, people, memberships, tokens and sign-in links."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class Organization(models.Model):
    """A tenant. Reached only through a membership or a token."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

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
    """What a member may do; permissions.py says what each role holds."""

    OWNER = "owner", "Owner"


class Membership(TenantModel):
    """One person in one organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "membership"
        constraints = [models.UniqueConstraint(fields=["org_id", "user"], name="membership_once")]


class TokenKind(models.TextChoices):
    """Who a token speaks for."""

    USER = "user", "User"
    AGENT = "agent", "Agent"


class ApiToken(TenantModel):
    """A secret for programs; only its SHA-256 is stored, and the secret is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=TokenKind.choices)
    name = models.CharField(max_length=200)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    secret_sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

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
