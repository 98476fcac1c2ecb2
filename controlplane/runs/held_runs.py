"""Which runs an agent holds right now."""

from collections.abc import Iterable
from uuid import UUID

from controlplane.runs.models import Run
from controlplane.runs.states import ACTIVE
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


def held_runs(org_id: UUID, agent_ids: Iterable[UUID]) -> dict[UUID, list[Run]]:
    """The runs that each agent was given and that have not ended, the oldest first."""
    wanted = list(agent_ids)
    held: dict[UUID, list[Run]] = {agent_id: [] for agent_id in wanted}
    with org_scope(org_id):
        runs = Run.objects.for_org(org_id).filter(status__in=sorted(ACTIVE), agent_id__in=wanted)
        for run in runs.only(*_SHOWN).order_by("id"):
            if run.agent_id is not None:
                held[run.agent_id].append(run)
    return held
