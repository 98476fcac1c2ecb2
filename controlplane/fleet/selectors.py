"""Agents as they stand now, and who has loaded what."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from controlplane.deployments.models import VersionState
from controlplane.deployments.visibility import hidden_versions
from controlplane.fleet.health import AgentState, Fact, Heard, Patience, Verdict, judge
from controlplane.fleet.models import Agent, AgentLocation
from tenants.access import Access
from tenants.errors import NotFoundError
from tenants.scoping import read_scope

# On top of the time a poll is held: slow networks, and the pause before the next poll.
_POLL_SLACK_SECONDS = 20.0


@dataclass(frozen=True)
class AgentView:
    """An agent with its state, the cause of it, and every fact with its age."""

    agent: Agent
    verdict: Verdict
    facts: list[Fact]
    locations: list[AgentLocation]

    @property
    def state(self) -> AgentState:
        return self.verdict.state

    @property
    def cause(self) -> str:
        return self.verdict.cause

    @property
    def is_working(self) -> bool:
        """Whether it can be expected to take work within seconds."""
        return self.state == AgentState.CONNECTED and not self.verdict.needs_attention

    def has_loaded(self, version_id: UUID) -> bool:
        return any(known.version_id == version_id and known.state == VersionState.LOADED for known in self.locations)


def agents(org_id: UUID) -> list[AgentView]:
    """Every agent that ever registered, by name."""
    with read_scope(org_id):
        rows = list(_timed(org_id).order_by("name"))
        loaded = list(AgentLocation.objects.for_org(org_id).order_by("version_id"))
    by_agent: dict[UUID, list[AgentLocation]] = {}
    for known in loaded:
        by_agent.setdefault(known.agent_id, []).append(known)
    return [_view(agent, by_agent.get(agent.id, [])) for agent in rows]


def agent(org_id: UUID, agent_id: UUID) -> AgentView:
    """One agent; NotFoundError when the organization has none by this id."""
    with read_scope(org_id):
        found = _timed(org_id).filter(id=agent_id).first()
        if found is None:
            raise NotFoundError("There is no such agent here. It may have to register again.")
        return _view(found, list(AgentLocation.objects.for_org(org_id).filter(agent_id=agent_id)))


def as_seen(access: Access, views: Iterable[AgentView]) -> list[AgentView]:
    """The agents without the code locations of which the caller may not know."""
    found = list(views)
    hidden = hidden_versions(access, {known.version_id for view in found for known in view.locations})
    if not hidden:
        return found
    return [
        replace(view, locations=[known for known in view.locations if known.version_id not in hidden]) for view in found
    ]


def agents_of_queue(org_id: UUID, queue: str) -> list[AgentView]:
    """The agents that serve a queue, whatever their state."""
    return [view for view in agents(org_id) if queue in view.agent.queues]


def hosts(org_id: UUID, version_ids: Iterable[UUID]) -> dict[UUID, list[AgentView]]:
    """For each version the agents that have it loaded, the one heard last first."""
    views = agents(org_id)
    return {
        version_id: sorted((view for view in views if view.has_loaded(version_id)), key=_last_heard)
        for version_id in version_ids
    }


def loaded_elsewhere(org_id: UUID, version_id: UUID, *, than: UUID) -> bool:
    """Whether another agent that is not gone has this version loaded."""
    return any(
        view.agent.id != than and view.state in {AgentState.CONNECTED, AgentState.DRAINING}
        for view in hosts(org_id, [version_id])[version_id]
    )


def _timed(org_id: UUID) -> QuerySet[Agent]:
    return Agent.objects.for_org(org_id).annotate(asked_at=Now())


def _view(agent: Agent, locations: list[AgentLocation]) -> AgentView:
    heard = Heard(
        registered=agent.registered_at,
        poll=agent.last_poll_at,
        heartbeat=agent.last_heartbeat_at,
        events=agent.last_events_at,
        stopped=agent.stopped_at,
        draining=agent.draining,
    )
    now = agent.asked_at  # type: ignore[attr-defined]  # annotated by _timed
    return AgentView(
        agent=agent, verdict=judge(heard, now=now, patience=_patience()), facts=heard.facts(now), locations=locations
    )


def _patience() -> Patience:
    poll = settings.AGENT_POLL_WAIT_SECONDS + _POLL_SLACK_SECONDS
    return Patience(poll=poll, contact=max(poll, settings.LEASE_SECONDS + settings.LEASE_GRACE_SECONDS))


def _last_heard(view: AgentView) -> float:
    return min(fact.seconds_ago for fact in view.facts if fact.seconds_ago is not None)
