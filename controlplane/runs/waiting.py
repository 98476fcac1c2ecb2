"""Why a queued run waits, in words: the location, the agents, the queue in front of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
from controlplane.runs.waiting_for_limits import LimitReasons
from controlplane.runs.waiting_for_room import no_room
from tenants.scoping import org_scope

# How many agents a reason names.
_NAMED = 3

# The order of the queue, before owners take their turns.
_AHEAD = """
    SELECT id, ahead FROM (
        SELECT id, row_number() OVER (PARTITION BY deployment_id ORDER BY priority DESC, id) - 1 AS ahead
        FROM run WHERE org_id = %s AND deployment_id = ANY(%s) AND status = 'QUEUED'
    ) queue WHERE id = ANY(%s)
"""


def waiting_reason(run: Run) -> WaitingReason | None:
    """Why this run has not started; None when it does not wait."""
    return waiting_reasons(run.org_id, [run]).get(run.id)


def waiting_reasons(org_id: UUID, runs: Iterable[Run]) -> dict[UUID, WaitingReason]:
    """Of each of the runs that waits, which are of one organization. Asks for each code location and each limit once."""
    waiting = [run for run in runs if run.status == RunStatus.QUEUED]
    if not waiting:
        return {}
    with org_scope(org_id):
        queue = _Queue(org_id, waiting)
        return {run.id: replace(queue.reason(run), ahead=queue.ahead.get(run.id, 0)) for run in waiting}


class _Queue:
    """What is known of the surroundings of queued runs."""

    def __init__(self, org_id: UUID, runs: Sequence[Run]) -> None:
        self.org_id = org_id
        found = CodeLocation.objects.for_org(org_id).select_related("deployment")
        self.locations = {one.id: one for one in found.filter(id__in={run.location_id for run in runs})}
        deployments = {run.deployment_id for run in runs}
        self.ahead = dict(recordsets.fetch(_AHEAD, [org_id, list(deployments), [run.id for run in runs]]))
        self.limits = LimitReasons(org_id, deployments)
        self._around: dict[tuple[UUID, str, UUID], _Around] = {}

    def reason(self, run: Run) -> WaitingReason:
        location = self.locations.get(run.location_id)
        if location is None:
            return WaitingReason(
                WaitingCode.LOCATION_DELETED,
                f"The code location {run.location_name} was deleted. Cancel the run, or deploy it again.",
            )
        if paused := self.limits.pause(run):
            return paused
        place = (location.id, run.queue, location.current_id or run.version_id)
        if place not in self._around:
            self._around[place] = _around(run, location, place[2])
        around = self._around[place]
        return around.reason or self.limits.reason(run) or _of_queue(around, self.ahead.get(run.id, 0))


@dataclass(frozen=True)
class _Around:
    """What keeps every run of a location waiting, if anything does, and the agents that could start one."""

    reason: WaitingReason | None
    ready: Sequence[AgentView] = ()


def _around(run: Run, location: CodeLocation, version_id: UUID) -> _Around:
    of_queue = fleet.agents_of_queue(run.org_id, run.queue)
    agents = reaching(run.org_id, of_queue, location)
    if of_queue and not agents:
        return _Around(_out_of_reach(run, location, of_queue))
    ready = _ready(agents, version_id)
    return _Around(
        _of_agents(run, agents) or _of_location(location, agents, version_id) or no_room(location, ready), ready
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


def _of_queue(around: _Around, ahead: int) -> WaitingReason:
    before = (
        f"{ahead} run{'s' if ahead != 1 else ''} of the queue come{'' if ahead != 1 else 's'} first."
        if ahead
        else "It is next."
    )
    if around.ready and all(view.agent.free_slots <= 0 for view in around.ready):
        names = ", ".join(view.agent.name for view in around.ready)
        return WaitingReason(WaitingCode.AGENT_FULL, f"Waiting because all slots of {names} are taken. {before}")
    return WaitingReason(WaitingCode.IN_QUEUE, f"Waiting for the agent's next poll. {before}")
