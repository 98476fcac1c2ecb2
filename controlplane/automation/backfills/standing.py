"""Which partitions of an asset or a job are missing or failed now, read from the catalog and the runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from controlplane.automation.backfills.choice import Only
from controlplane.catalog.asset_status import AssetStatus, status_of
from controlplane.catalog.models import AssetState
from controlplane.core import recordsets
from tenants.scoping import org_scope

# What is wanted of the statuses that a partition, or an asset without any, can have.
WANTED: Mapping[Only, tuple[AssetStatus, ...]] = {
    Only.MISSING: (AssetStatus.MISSING,),
    Only.FAILED: (AssetStatus.FAILED,),
    Only.MISSING_AND_FAILED: (AssetStatus.MISSING, AssetStatus.FAILED),
}


@dataclass(frozen=True)
class Standing:
    """Of the partitions of a job: what is failed, and what is neither missing nor failed."""

    failed: frozenset[str]
    other: frozenset[str]

    def is_wanted(self, key: str, only: Only) -> bool:
        if only == Only.FAILED:
            return key in self.failed
        if only == Only.MISSING:
            return key not in self.failed and key not in self.other
        return key not in self.other


def of_asset(org_id: UUID, deployment_id: UUID, asset_key: str) -> AssetStatus:
    """Where an asset without partitions stands."""
    with org_scope(org_id):
        rows = AssetState.objects.for_org(org_id).filter(deployment_id=deployment_id, asset_key=asset_key)
        return status_of(rows.only("materialization_id", "planned_id", "failed_run_id").first())


# The newest run of each partition. A run that was cancelled left nothing.
_OF_JOB = """
    SELECT DISTINCT ON (partition_key) partition_key, status FROM run
    WHERE org_id = %s AND deployment_id = %s AND location_name = %s AND job_name = %s AND partition_key IS NOT NULL
    ORDER BY partition_key, id DESC
"""


def of_job(org_id: UUID, deployment_id: UUID, location: str, job: str) -> Standing:
    """From the newest run of each partition."""
    with org_scope(org_id):
        rows = dict(recordsets.fetch(_OF_JOB, [org_id, deployment_id, location, job]))
    return Standing(
        failed=frozenset(key for key, status in rows.items() if status == "FAILURE"),
        other=frozenset(key for key, status in rows.items() if status not in {"FAILURE", "CANCELED"}),
    )
