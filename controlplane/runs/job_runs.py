"""The newest run of each of many jobs, in one query."""

from collections.abc import Iterable
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.visibility import Visible
from controlplane.runs.models import Run
from controlplane.runs.selectors import RunFilter, runs
from tenants.permissions import Permission
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


def latest_runs(visible: Visible, jobs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Run]:
    """The newest run of each (location, job) that has one which the caller sees."""
    if not visible.part(Permission.RUN_READ).is_everything:
        found = {job: runs(visible, RunFilter(location=job[0], job=job[1]), limit=1).runs for job in jobs}
        return {job: newest[0] for job, newest in found.items() if newest}
    return _latest_of_all(visible.org_id, visible.deployment_id, jobs)


def _latest_of_all(org_id: UUID, deployment_id: UUID, jobs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Run]:
    """In one query, where nothing is hidden."""
    wanted = recordsets.rows([{"location": location, "job": job} for location, job in jobs])
    with org_scope(org_id):
        found = recordsets.fetch(_LATEST, {"org": org_id, "deployment": deployment_id, "jobs": wanted})
        rows = Run.objects.for_org(org_id).filter(id__in=[row[0] for row in found])
        return {(run.location_name, run.job_name): run for run in rows.defer("run_config", "target_assets")}
