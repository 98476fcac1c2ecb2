"""Invitations, and the mails sent for them."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower, Now

from tenants.ids import uuid7
from tenants.models import User
from tenants.scoping import TenantModel


class Invitation(TenantModel):
    """An offer to one e-mail address to become a member, with what they will hold. Only the hash of the secret in its link is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField()
    # tenants.people.terms.GrantTerms as JSON.
    grants = models.JSONField(default=list)
    # Ids of teams that the person joins.
    teams = models.JSONField(default=list)
    secret_sha256 = models.BinaryField(max_length=32)
    invited_by = models.CharField(max_length=254)
    invited_by_user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "invitation"
        constraints: ClassVar = [
            models.UniqueConstraint(
                "org_id",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_pending_once",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["org_id", "-id"], name="invitation_newest")]


class InvitationMail(TenantModel):
    """One mail asked for: what the hourly limit of an organization counts. Rows older than that are deleted on the way."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    invitation_id = models.UUIDField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "invitation_mail"
        indexes: ClassVar = [models.Index(fields=["org_id", "created_at"], name="invitation_mail_recent")]
