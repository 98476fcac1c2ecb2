"""Why a queued run waits, in words: the location, the agents, the queue in front of it."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.core import recordsets
from controlplane.deployments.models import CodeLocation, DeploymentKind, VersionState
from controlplane.fleet import selectors as fleet
from controlplane.fleet.health import AgentState
from controlplane.fleet.reach import live_reaches, reaching
from controlplane.fleet.selectors import AgentView
from controlplane.fleet.serving import missing_reach, served
from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from controlplane.runs.waiting_codes import WaitingCode, WaitingReason
from controlplane.runs.waiting_for_room import no_room
from tenants.scoping import org_scope

# How many agents a reason names.
_NAMED = 3

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
            or _of_location(location, agents, version_id)
            or no_room(location, _ready(agents, version_id))
            or _of_queue(agents, version_id, ahead)
        )


def _out_of_reach(run: Run, location: CodeLocation, agents: Sequence[AgentView]) -> WaitingReason:
    wanted, reaches = served(location, None), live_reaches(run.org_id, agents)
    each = [
        f"{view.agent.name}: {', '.join(missing_reach(reaches.get(view.agent.token_id), wanted))}"
        for view in agents[:_NAMED]
    ]
    more = f" {len(agents) - _NAMED} more likewise." if len(agents) > _NAMED else ""
    return WaitingReason(
        WaitingCode.OUT_OF_REACH,
        f"No agent of the queue {run.queue} may serve {run.location_name} in {location.deployment.name}. {'. '.join(each)}.{more}",
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


def _of_location(location: CodeLocation, agents: Sequence[AgentView], version_id: UUID) -> WaitingReason | None:
    if _ready(agents, version_id):
        return None
    connected = [view for view in agents if view.state == AgentState.CONNECTED]
    states = {known.state for view in connected for known in view.locations if known.version_id == version_id}
    if states == {VersionState.FAILED}:
        return WaitingReason(
            WaitingCode.LOCATION_FAILED, f"The code location {location.name} failed to load. Its page shows the error."
        )
    if location.deployment.kind == DeploymentKind.BRANCH and location.current_id is not None:
        return WaitingReason(WaitingCode.BRANCH_WAKING, "The branch is waking up; its code is loading.")
    return WaitingReason(
        WaitingCode.LOCATION_LOADING, f"The code location {location.name} is still loading on its agent."
    )


def _ready(agents: Sequence[AgentView], version_id: UUID) -> list[AgentView]:
    return [view for view in agents if view.state == AgentState.CONNECTED and view.has_loaded(version_id)]


def _of_queue(agents: Sequence[AgentView], version_id: UUID, ahead: int) -> WaitingReason:
    before = (
        f"{ahead} run{'s' if ahead != 1 else ''} of the queue come{'' if ahead != 1 else 's'} first."
        if ahead
        else "It is next."
    )
    ready = _ready(agents, version_id)
    if ready and all(view.agent.free_slots <= 0 for view in ready):
        names = ", ".join(view.agent.name for view in ready)
        return WaitingReason(WaitingCode.AGENT_FULL, f"All slots of {names} are taken. {before}", ahead)
    return WaitingReason(WaitingCode.IN_QUEUE, f"Waiting for the agent's next poll. {before}", ahead)
