"""What the pages show of an agent: its state, what it has loaded, the runs it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import LocationVersion
from controlplane.fleet import selectors as fleet
from controlplane.fleet.health import AgentState
from controlplane.fleet.models import AgentLocation
from controlplane.fleet.selectors import AgentView
from controlplane.runs.held_runs import held_runs
from controlplane.runs.models import Run
from tenants.access import Access


@dataclass(frozen=True)
class LoadedLine:
    """A location version on an agent. Without `version` it was deleted, and the agent is about to unload it."""

    known: AgentLocation
    version: LocationVersion | None


@dataclass(frozen=True)
class HeldLine:
    """A run that an agent holds, and the deployment whose run it is."""

    run: Run
    deployment: str


@dataclass(frozen=True)
class AgentLine:
    """An agent as a row or a page shows it."""

    view: AgentView
    loaded: list[LoadedLine]
    held: list[HeldLine]

    @property
    def mark(self) -> str:
        """The status to show: an agent that is there but hangs is a warning."""
        state = self.view.state
        return "warn" if state == AgentState.CONNECTED and self.view.verdict.needs_attention else state.value

    @property
    def facts(self) -> list[tuple[str, Any, str]]:
        """Name, time and meaning of everything that was heard."""
        agent = self.view.agent
        return [
            ("Asked for work", agent.last_poll_at, "Its last poll. An agent that is well polls all the time."),
            ("Renewed its leases", agent.last_heartbeat_at, "Its last heartbeat. Only an agent with runs sends them."),
            ("Delivered events", agent.last_events_at, "The last events or logs of its runs that arrived."),
            ("Registered", agent.registered_at, "When this process of the agent started to talk to us."),
            ("Said goodbye", agent.stopped_at, "When it stopped by itself."),
        ]

    @property
    def last_heard(self) -> Any:
        agent = self.view.agent
        heard = (agent.last_poll_at, agent.last_heartbeat_at, agent.last_events_at, agent.registered_at)
        return max(at for at in heard if at is not None)


def agent_lines(access: Access, views: Iterable[AgentView]) -> list[AgentLine]:
    """The agents with everything that is shown of them to this caller, in the same order."""
    org_id, agents = access.org.id, fleet.as_seen(access, views)
    versions = deployments.versions_by_id(org_id, {known.version_id for v in agents for known in v.locations})
    names = {deployment.id: deployment.name for deployment in deployments.deployments_for(access)}
    held = held_runs(access, [view.agent.id for view in agents])
    return [
        AgentLine(
            view=view,
            loaded=sorted(
                (LoadedLine(known, versions.get(known.version_id)) for known in view.locations), key=_by_name
            ),
            held=[HeldLine(run, names[run.deployment_id]) for run in held[view.agent.id]],
        )
        for view in agents
    ]


def _by_name(line: LoadedLine) -> tuple[str, int]:
    return (line.version.location.name, line.version.number) if line.version else ("\uffff", 0)
