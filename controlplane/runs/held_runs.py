"""Which runs an agent holds right now."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from controlplane.deployments.visibility import visible_deployments
from controlplane.runs.models import Run
from controlplane.runs.states import ACTIVE
from controlplane.runs.visible_runs import covered_runs
from tenants.access import Access
from tenants.permissions import Permission
from tenants.scoping import org_scope

# What a list of them shows.
_SHOWN = (
    "id",
    "org_id",
    "agent_id",
    "deployment_id",
    "job_name",
    "status",
    "partition_key",
    "created_at",
    "started_at",
)


def held_runs(access: Access, agent_ids: Iterable[UUID]) -> dict[UUID, list[Run]]:
    """The runs, as far as the caller sees them, that each agent was given and that have not ended, the oldest first."""
    wanted = list(agent_ids)
    held: dict[UUID, list[Run]] = {agent_id: [] for agent_id in wanted}
    with org_scope(access.org.id):
        found = _seen(access, Run.objects.for_org(access.org.id).filter(status__in=sorted(ACTIVE), agent_id__in=wanted))
    for run in sorted(found, key=lambda run: run.id):
        if run.agent_id is not None:
            held[run.agent_id].append(run)
    return held


def _seen(access: Access, rows: QuerySet[Run]) -> list[Run]:
    """In one query for all deployments in which nothing is hidden, and one for each other."""
    deployments = visible_deployments(access)
    whole = [id_ for id_, visible in deployments.items() if visible.part(Permission.RUN_READ).is_everything]
    found = list(rows.filter(deployment_id__in=whole).only(*_SHOWN))
    for id_ in deployments.keys() - set(whole):
        found += covered_runs(deployments[id_], Permission.RUN_READ, rows).only(*_SHOWN)
    return found
