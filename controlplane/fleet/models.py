"""Agents as the control plane last heard of them, and what each has loaded."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from controlplane.deployments.models import VersionState
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class Agent(TenantModel):
    """One agent, by its name; each of its processes has a boot id. All times are the database's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    boot_id = models.CharField(max_length=64)
    token_id = models.UUIDField()
    queues = ArrayField(models.CharField(max_length=100))
    agent_version = models.CharField(max_length=40)
    protocol_version = models.CharField(max_length=10)
    host = models.JSONField(default=dict)
    registered_at = models.DateTimeField(default=timezone.now)
    last_poll_at = models.DateTimeField(null=True)
    last_heartbeat_at = models.DateTimeField(null=True)
    last_events_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    draining = models.BooleanField(default=False)
    free_slots = models.IntegerField(default=0)
    spooled_events = models.IntegerField(default=0)
    clock_skew_seconds = models.FloatField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "agent"
        constraints = [models.UniqueConstraint(fields=["org_id", "name"], name="agent_name_once")]


class AgentLocation(TenantModel):
    """A location version on an agent, as the agent reported it."""

    pk = models.CompositePrimaryKey("org_id", "agent_id", "version_id")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    version_id = models.UUIDField()
    state = models.CharField(max_length=10, choices=VersionState.choices)
    mode = models.CharField(max_length=12, blank=True)
    rss_bytes = models.BigIntegerField(null=True)
    reported_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "agent_location"
