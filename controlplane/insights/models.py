"""What steps used and what it cost. Partitioned by week on the run's UUIDv7.

Money is integer micro-units of the currency (1 USD = 1,000,000). `price_book_id` is null for the default price book of the
settings; prices are applied once, when the usage is stored.
"""

from django.db import models

from tenants.scoping import TenantModel


class StepUsage(TenantModel):
    """Usage of one step of one attempt, all its tries together."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "step_key")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    step_key = models.CharField(max_length=1000)
    deployment_id = models.UUIDField()
    location_name = models.CharField(max_length=200)
    job_name = models.CharField(max_length=500)
    ended_at = models.DateTimeField()
    wall_seconds = models.FloatField()
    cpu_seconds = models.FloatField()
    gib_seconds = models.FloatField()
    peak_rss_bytes = models.BigIntegerField()
    cost_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    price_book_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "step_usage"
        indexes = [models.Index(fields=["org_id", "deployment_id", "ended_at"], name="step_usage_time")]


class AssetUsage(TenantModel):
    """The share of a step's usage that one of its assets bears; a step with n assets gives each a n-th."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "step_key", "asset_key")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    step_key = models.CharField(max_length=1000)
    asset_key = models.TextField()
    partition_key = models.TextField(null=True)
    deployment_id = models.UUIDField()
    ended_at = models.DateTimeField()
    wall_seconds = models.FloatField()
    cpu_seconds = models.FloatField()
    gib_seconds = models.FloatField()
    cost_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    price_book_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "asset_usage"
        indexes = [models.Index(fields=["org_id", "deployment_id", "asset_key", "-run_id"], name="asset_usage_newest")]
