"""Which runs somebody may see, or act upon, in SQL, so that pages and counts stay right.

A run belongs to its code location and to every asset that it was to make, observe or check. It is covered where all of them are: one
hidden asset hides the run whole, because its events and output would tell of it. docs/visibility.md says so in more words.
"""

from collections.abc import Collection
from typing import Any

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from controlplane.deployments.filtered_definitions import has_hidden
from controlplane.deployments.parts import Part
from controlplane.deployments.visibility import Visible
from controlplane.runs.models import Run
from tenants.errors import ForbiddenError
from tenants.permissions import Permission
from tenants.scoping import org_scope

# The assets that a run names: what it makes, what was selected, what is checked.
_NAMED = """
    SELECT jsonb_array_elements_text("run"."target_assets") AS key
    UNION ALL SELECT jsonb_array_elements_text("run"."asset_selection")
    UNION ALL SELECT regexp_replace(jsonb_array_elements_text("run"."check_selection"), ':[^:]*$', '')
"""
_NAMES_SOME = f"EXISTS (SELECT 1 FROM ({_NAMED}) AS named)"  # noqa: S608 - constants of ours
_NAMES_ONLY = f"NOT EXISTS (SELECT 1 FROM ({_NAMED}) AS named WHERE named.key <> ALL(%s::text[]))"  # noqa: S608 - constants of ours
_NAMES_NONE = f"NOT EXISTS (SELECT 1 FROM ({_NAMED}) AS named WHERE named.key = ANY(%s::text[]))"  # noqa: S608 - constants of ours
_OF_JOBS = (
    '("run"."asset_selection" IS NULL AND "run"."location_name" || E\'\\n\' || "run"."job_name" = ANY(%s::text[]))'
)


def covered_runs(visible: Visible, permission: Permission, rows: QuerySet[Run]) -> QuerySet[Run]:
    """Those of the runs on which the caller holds the right; read it inside org_scope."""
    rows = rows.filter(deployment_id=visible.deployment_id)
    part = visible.part(permission)
    if part.is_everything:
        return rows
    if part.rule.covers_nothing:
        return rows.none()
    return rows.filter(_whole_locations(part) & _without_hidden(part) | _in_hosts(part)).exclude(
        _condition(_OF_JOBS, _jobs_with_hidden(visible, part))
    )


def is_covered(visible: Visible, permission: Permission, run: Run) -> bool:
    """Whether the caller holds the right on this run."""
    if visible.part(permission).is_everything:
        return True
    with org_scope(visible.org_id):
        return covered_runs(visible, permission, Run.objects.for_org(visible.org_id).filter(id=run.id)).exists()


def require_on_run(visible: Visible, permission: Permission, run: Run) -> None:
    """ForbiddenError without the right on this run, which the caller sees."""
    if not is_covered(visible, permission, run):
        raise ForbiddenError(
            f"This needs the permission {permission} on all of run {run.id}: its code location and assets."
        )


def _whole_locations(part: Part) -> Q:
    """Runs of locations that are covered themselves."""
    if part.rule.everywhere:
        return ~Q(location_name__in=sorted(part.denied_locations))
    return Q(location_name__in=sorted(part.granted_locations))


def _without_hidden(part: Part) -> Q:
    """Where denials name locations only, the location of a run says enough about assets that left the code. Where they name assets, what
    nobody defines any more may have been one of these.
    """
    if part.rule.denies_assets:
        return _condition(_NAMES_ONLY, part.assets)
    return _condition(_NAMES_NONE, part.other_assets if part.rule.everywhere else ())


def _in_hosts(part: Part) -> Q:
    """Runs of assets that are covered, in locations that are not."""
    if part.rule.everywhere or not part.hosts:
        return Q(pk__in=[])
    return Q(location_name__in=sorted(part.hosts)) & _condition(_NAMES_SOME) & _condition(_NAMES_ONLY, part.assets)


def _jobs_with_hidden(visible: Visible, part: Part) -> list[str]:
    """A run of all of a job names only what it makes: that the job observes or checks something hidden, the code says."""
    return [
        f"{name}\n{job.name}"
        for name, found in visible.whole.by_location.items()
        if part.has_location(name)
        for job in found.manifest.jobs
        if has_hidden(job, part)
    ]


def _condition(sql: str, *texts: Collection[str]) -> Q:
    params: list[Any] = [sorted(one) for one in texts]
    return Q(RawSQL(sql, params, output_field=BooleanField()))  # noqa: S611 - constants of ours; values are parameters
