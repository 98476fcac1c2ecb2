"""The newest run of each of many jobs, in one query."""

from collections.abc import Iterable
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.models import Run
from tenants.scoping import org_scope

_LATEST = """
    SELECT newest.id FROM jsonb_to_recordset(%(jobs)s::jsonb) AS wanted(location text, job text)
    CROSS JOIN LATERAL (
        SELECT r.id FROM run r
        WHERE r.org_id = %(org)s AND r.deployment_id = %(deployment)s AND r.job_name = wanted.job
              AND r.location_name = wanted.location
        ORDER BY r.id DESC LIMIT 1
    ) newest
"""


def latest_runs(org_id: UUID, deployment_id: UUID, jobs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Run]:
    """The newest run of each (location, job) that has one."""
    wanted = recordsets.rows([{"location": location, "job": job} for location, job in jobs])
    with org_scope(org_id):
        found = recordsets.fetch(_LATEST, {"org": org_id, "deployment": deployment_id, "jobs": wanted})
        runs = Run.objects.for_org(org_id).filter(id__in=[row[0] for row in found])
        return {(run.location_name, run.job_name): run for run in runs.defer("run_config", "target_assets")}
