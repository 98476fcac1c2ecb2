"""Commands to agents: leased, not popped; delivered again until they are accepted, answered once."""

from django.db import models
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class CommandKind(models.TextChoices):
    """The kinds of agent.protocol.Command."""

    LAUNCH = "launch", "Launch"
    CANCEL = "cancel", "Cancel"
    CALL = "call", "Call"
    RELOAD = "reload", "Reload"


class CommandState(models.TextChoices):
    """A command is pending, then leased to its agent until it says `accepted`, then done, failed or expired."""

    PENDING = "pending", "Pending"
    LEASED = "leased", "Leased"
    ACCEPTED = "accepted", "Accepted"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


class Command(TenantModel):
    """One instruction to one agent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=CommandKind.choices)
    state = models.CharField(max_length=10, choices=CommandState.choices, default=CommandState.PENDING)
    run_id = models.UUIDField(null=True)
    attempt = models.PositiveIntegerField(null=True)
    version_id = models.UUIDField(null=True)
    # The fields of the protocol's struct, without tokens.
    body = models.JSONField()
    lease_until = models.DateTimeField(null=True)
    deliveries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "command"
        indexes = [
            models.Index(
                fields=["org_id", "agent_id", "id"],
                name="command_open",
                condition=models.Q(state__in=["pending", "leased"]),
            ),
            models.Index(fields=["org_id", "run_id"], name="command_run"),
        ]
