"""Connections to identity providers, verified domains, linked identities, and assertions that were used."""

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.ids import uuid7
from tenants.models import Role, User
from tenants.scoping import TenantModel


class Protocol(models.TextChoices):
    """What an identity provider speaks."""

    OIDC = "oidc", "OpenID Connect"
    SAML = "saml", "SAML 2.0"


class SsoConnection(TenantModel):
    """An organization's identity provider. Its number, with the organization's id, is in the addresses the provider is given."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField()
    protocol = models.CharField(max_length=4, choices=Protocol.choices)
    name = models.CharField(max_length=100)
    is_enabled = models.BooleanField(default=False)
    # The role everywhere that an unknown person gets; empty: unknown people are refused.
    jit_role = models.CharField(max_length=20, choices=Role.choices, blank=True)

    # OpenID Connect: the issuer is where discovery begins, and what ID tokens must name.
    issuer = models.CharField(max_length=500, blank=True)
    client_id = models.CharField(max_length=500, blank=True)
    client_secret_sealed = models.BinaryField(null=True)

    # SAML.
    entity_id = models.CharField(max_length=500, blank=True)
    sso_url = models.CharField(max_length=1000, blank=True)
    # PEM, one or several: while the provider changes its key, two are good.
    certificates = models.JSONField(default=list)
    allow_idp_initiated = models.BooleanField(default=False)

    # Which claim or attribute holds `subject`, `email` and `name`; what is left out is found by its usual names.
    attribute_mapping = models.JSONField(default=dict)

    # The last test sign-in: when, and why it failed; an empty text says that it worked.
    tested_at = models.DateTimeField(null=True)
    test_error = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        db_table = "sso_connection"
        constraints = [models.UniqueConstraint(fields=["org_id", "number"], name="sso_connection_number_once")]


class SsoDomain(TenantModel):
    """A mail domain that the organization says is its own, and has proved by a TXT record once `verified_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Lower case, in ASCII (IDNA).
    name = models.CharField(max_length=253)
    token = models.CharField(max_length=64)
    verified_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    check_error = models.CharField(max_length=500, blank=True)
    # The connection that people of this domain are sent to.
    connection = models.ForeignKey(
        SsoConnection, null=True, on_delete=models.SET_NULL, db_constraint=False, db_index=False, related_name="+"
    )
    # Passwords and links are refused for this domain.
    is_enforced = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "sso_domain"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "name"], name="sso_domain_name_once"),
            # Over all organizations: one domain is one organization's.
            models.UniqueConstraint(
                Lower("name"), name="sso_domain_verified_once", condition=models.Q(verified_at__isnull=False)
            ),
        ]


class SsoIdentity(TenantModel):
    """Who of the identity provider is whom here: linked at the first sign-in, or by the person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(
        SsoConnection, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    # `sub`, NameID, or the mapped attribute: what the provider never gives to somebody else.
    subject = models.CharField(max_length=500)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    email = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "sso_identity"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "connection", "subject"], name="sso_identity_subject_once")
        ]


class SsoAssertion(TenantModel):
    """A SAML assertion that was used; kept until it has expired, so that it is used once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(
        SsoConnection, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    assertion_sha256 = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "sso_assertion"
        constraints = [
            models.UniqueConstraint(fields=["org_id", "connection", "assertion_sha256"], name="sso_assertion_used_once")
        ]
