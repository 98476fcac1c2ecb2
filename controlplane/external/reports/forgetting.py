"""Ids of deliveries are remembered for a while only."""

from django.utils import timezone

from controlplane.external.models import ReportDelivery
from controlplane.external.reports.services import REMEMBERED
from tenants.scoping import org_scope


def sweep() -> None:
    """Forget those that are too old to be repeated."""
    before = timezone.now() - REMEMBERED
    old = ReportDelivery.objects.across_orgs(reason="forget old deliveries of reports").filter(created_at__lt=before)
    for org_id in set(old.values_list("org_id", flat=True).distinct()):
        with org_scope(org_id):
            ReportDelivery.objects.for_org(org_id).filter(created_at__lt=before).delete()
