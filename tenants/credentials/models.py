"""Blocks of single agents: one is stopped, and the others that registered with its token work on.

A block names the agent. Against somebody who has the token itself only revoking that helps.
"""

from django.db import models
from django.utils import timezone

from tenants.scoping import TenantModel


class BlockedAgent(TenantModel):
    """An agent that is refused until somebody takes the block away."""

    pk = models.CompositePrimaryKey("org_id", "agent_id")
    agent_id = models.UUIDField()
    blocked_at = models.DateTimeField(default=timezone.now)
    blocked_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "blocked_agent"
