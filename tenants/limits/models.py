"""Quotas that differ from the installation's."""

from django.db import models

from tenants.scoping import TenantModel


class QuotaName(models.TextChoices):
    """What is counted, or measured per second, for each organization."""

    CONCURRENT_RUNS = "concurrent_runs", "Runs at once"
    BRANCH_RUNS = "branch_runs", "Runs of branch deployments at once"
    RUNS_PER_BRANCH = "runs_per_branch", "Runs of one branch deployment at once"
    EVENTS_PER_SECOND = "events_per_second", "Events per second"
    LOG_BYTES_PER_SECOND = "log_bytes_per_second", "Log bytes per second"
    DEPLOYMENTS = "deployments", "Full deployments"
    BRANCH_DEPLOYMENTS = "branch_deployments", "Branch deployments"
    SOURCE_BYTES = "source_bytes", "Bytes of source archives"
    TOKENS = "tokens", "Live tokens"
    API_REQUESTS_PER_MINUTE = "api_requests_per_minute", "API requests per minute and caller"


class OrganizationQuota(TenantModel):
    """One quota of one organization, in place of the installation's; 0 for no limit."""

    pk = models.CompositePrimaryKey("org_id", "name")
    name = models.CharField(max_length=32, choices=QuotaName.choices)
    value = models.BigIntegerField()
    set_at = models.DateTimeField(auto_now=True)
    set_by = models.CharField(max_length=254)

    class Meta(TenantModel.Meta):
        db_table = "organization_quota"
        constraints = [models.CheckConstraint(name="organization_quota_not_negative", condition=models.Q(value__gte=0))]
