"""Reporting within the rights of the caller. Both forms of the API, the page and nothing else call this."""

from collections.abc import Sequence

from controlplane.deployments.visibility import Visible
from controlplane.external.reports.services import StoredReport, report_events
from controlplane.external.reports.values import AssetReport
from tenants.access import Actor
from tenants.permissions import Permission
from tenants.scoping import org_scope


def report_as(visible: Visible, reports: Sequence[AssetReport], *, actor: Actor) -> list[StoredReport]:
    """Store what somebody reports. NotFoundError about an asset that they may not know of, ForbiddenError without the right on it.

    A key that no code location defines needs the right on all of the deployment: nothing tells whose it is. Call it outside of any
    transaction.
    """
    with org_scope(visible.org_id):
        visible.require(Permission.ASSET_REPORT, assets={report.asset_key: None for report in reports})
    return report_events(org_id=visible.org_id, deployment_id=visible.deployment_id, reports=reports, actor=actor)
