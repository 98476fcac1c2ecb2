"""Why a queued run waits, in words: the location, the agents, the queue in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.models import CodeLocation, VersionState
from controlplane.fleet import selectors as fleet
from controlplane.fleet.health import AgentState
from controlplane.fleet.reach import reaching
from controlplane.fleet.selectors import AgentView
from controlplane.runs.admission import runs_under_way
from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from tenants.limits.models import QuotaName
from tenants.limits.quotas import exceeded, limit
from tenants.scoping import org_scope


class WaitingCode(StrEnum):
    """Everything a queued run can wait for."""

    LOCATION_DELETED = "location_deleted"
    NO_AGENT = "no_agent"
    OUT_OF_REACH = "out_of_reach"
    AGENT_LOST = "agent_lost"
    AGENT_DRAINING = "agent_draining"
    LOCATION_LOADING = "location_loading"
    LOCATION_FAILED = "location_failed"
    QUOTA = "quota"
    AGENT_FULL = "agent_full"
    IN_QUEUE = "in_queue"


@dataclass(frozen=True)
class WaitingReason:
    """What a run waits for. `ahead` is how many runs of its queue come first."""

    code: WaitingCode
    message: str
    ahead: int = 0


_AHEAD = """
    SELECT count(*) FROM run WHERE org_id = %s AND status = 'QUEUED' AND queue = %s
       AND (priority > %s OR (priority = %s AND id < %s))
"""


def waiting_reason(run: Run) -> WaitingReason | None:
    """Why this run has not started; None when it does not wait."""
    if run.status != RunStatus.QUEUED:
        return None
    with org_scope(run.org_id):
        locations = CodeLocation.objects.for_org(run.org_id).select_related("deployment")
        location = locations.filter(id=run.location_id).first()
        if location is None:
            return WaitingReason(
                WaitingCode.LOCATION_DELETED,
                f"The code location {run.location_name} was deleted. Cancel the run, or deploy it again.",
            )
        version_id = location.current_id or run.version_id
        of_queue = fleet.agents_of_queue(run.org_id, run.queue)
        agents = reaching(run.org_id, of_queue, location)
        [(ahead,)] = recordsets.fetch(_AHEAD, [run.org_id, run.queue, run.priority, run.priority, run.id])
    if of_queue and not agents:
        return _out_of_reach(run, location, of_queue)
    return (
        _of_agents(run, agents)
        or _of_location(run, agents, version_id)
        or _of_quota(run.org_id)
        or _of_queue(agents, version_id, ahead)
    )


def _of_quota(org_id: UUID) -> WaitingReason | None:
    allowed = limit(org_id, QuotaName.CONCURRENT_RUNS)
    with org_scope(org_id):
        under_way = runs_under_way(org_id) if allowed is not None else 0
    if allowed is None or under_way < allowed:
        return None
    return WaitingReason(WaitingCode.QUOTA, exceeded(QuotaName.CONCURRENT_RUNS, used=under_way, limit=allowed))


def _out_of_reach(run: Run, location: CodeLocation, agents: Sequence[AgentView]) -> WaitingReason:
    names = ", ".join(view.agent.name for view in agents[:3]) + (" and others" if len(agents) > 3 else "")
    return WaitingReason(
        WaitingCode.OUT_OF_REACH,
        f"The agents of the queue {run.queue} ({names}) may not serve {run.location_name} in {location.deployment.name}: it is outside "
        "the reach of their tokens, or these were revoked. Widen the reach under Settings, Agent tokens, or start another agent.",
    )


def _of_agents(run: Run, agents: Sequence[AgentView]) -> WaitingReason | None:
    if not agents:
        return WaitingReason(
            WaitingCode.NO_AGENT,
            f"No agent serves the queue {run.queue}. Start one with this queue, or deploy the location to another.",
        )
    if any(view.state == AgentState.CONNECTED for view in agents):
        return None
    draining = [view for view in agents if view.state == AgentState.DRAINING]
    view = (draining or list(agents))[0]
    code = WaitingCode.AGENT_DRAINING if draining else WaitingCode.AGENT_LOST
    return WaitingReason(code, f"The agent {view.agent.name} takes no work: {view.cause}")


def _of_location(run: Run, agents: Sequence[AgentView], version_id: UUID) -> WaitingReason | None:
    connected = [view for view in agents if view.state == AgentState.CONNECTED]
    if any(view.has_loaded(version_id) for view in connected):
        return None
    states = {known.state for view in connected for known in view.locations if known.version_id == version_id}
    if states == {VersionState.FAILED}:
        return WaitingReason(
            WaitingCode.LOCATION_FAILED,
            f"The code location {run.location_name} failed to load. Its page shows the error.",
        )
    return WaitingReason(
        WaitingCode.LOCATION_LOADING, f"The code location {run.location_name} is still loading on its agent."
    )


def _of_queue(agents: Sequence[AgentView], version_id: UUID, ahead: int) -> WaitingReason:
    before = (
        f"{ahead} run{'s' if ahead != 1 else ''} of the queue come{'' if ahead != 1 else 's'} first."
        if ahead
        else "It is next."
    )
    ready = [view for view in agents if view.state == AgentState.CONNECTED and view.has_loaded(version_id)]
    if ready and all(view.agent.free_slots <= 0 for view in ready):
        names = ", ".join(view.agent.name for view in ready)
        return WaitingReason(WaitingCode.AGENT_FULL, f"All slots of {names} are taken. {before}", ahead)
    return WaitingReason(WaitingCode.IN_QUEUE, f"Waiting for the agent's next poll. {before}", ahead)
