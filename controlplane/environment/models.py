"""Variables of a full deployment and its branches, the counter that says they changed, and the keys agents open values with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from controlplane.deployments.models import Deployment
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class VariableKind(models.TextChoices):
    """Where the value is."""

    VALUE = "value", "Value"
    REFERENCE = "reference", "Reference"
    SEALED_TO_AGENTS = "sealed_to_agents", "Sealed to agents"


class SecretStore(models.TextChoices):
    """Whose secret a reference names; the agent asks it, we never do."""

    AWS_SECRETS_MANAGER = "aws_secrets_manager", "AWS Secrets Manager"
    VAULT = "vault", "Vault"
    KUBERNETES = "kubernetes", "Kubernetes"


class EnvironmentVariable(TenantModel):
    """One variable. A name may be there several times with different scopes; precedence.py says which one code gets."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The full deployment that owns it, for its branches too.
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    name = models.CharField(max_length=512)
    # Where it holds: one branch deployment alone, or any of the other three.
    in_full = models.BooleanField(default=False)
    in_all_branches = models.BooleanField(default=False)
    in_local = models.BooleanField(default=False)
    branch = models.ForeignKey(
        Deployment, null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    # Names of code locations; empty for all.
    locations = ArrayField(models.CharField(max_length=200), default=list)

    kind = models.CharField(max_length=20, choices=VariableKind.choices)
    # Of a value: sealed under the organization's key (tenants/sealing.py).
    sealed = models.BinaryField(null=True)
    # Of a reference.
    store = models.CharField(max_length=20, choices=SecretStore.choices, blank=True)
    reference = models.CharField(max_length=2100, blank=True)
    # Of a value only agents can open: Base64 of agent/sealed_box.py, by the id of an agent's key.
    sealed_boxes = models.JSONField(default=dict)
    # Whether its value is masked in logs and events.
    masked = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=254, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "environment_variable"
        indexes = [models.Index(fields=["org_id", "deployment", "name"], name="environment_variable_by_name")]
        constraints = [
            models.CheckConstraint(
                name="environment_variable_scope",
                condition=models.Q(branch__isnull=False, in_full=False, in_all_branches=False, in_local=False)
                | (
                    models.Q(branch=None)
                    & (models.Q(in_full=True) | models.Q(in_all_branches=True) | models.Q(in_local=True))
                ),
            )
        ]


class EnvironmentRevision(TenantModel):
    """Counts the changes of a full deployment's variables, so that a poll sees one without looking at them."""

    pk = models.CompositePrimaryKey("org_id", "deployment_id")
    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    number = models.PositiveBigIntegerField(default=1)

    class Meta(TenantModel.Meta):
        db_table = "environment_revision"


class AgentKey(TenantModel):
    """The public key of an agent, as it told us when it registered; the private one never leaves its machine."""

    pk = models.CompositePrimaryKey("org_id", "agent_id")
    agent_id = models.UUIDField()
    key_id = models.CharField(max_length=16)
    public_key = models.BinaryField(max_length=32)
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "agent_key"
