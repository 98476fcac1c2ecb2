"""Who would serve a code location, and why not: every agent of the organization, with the label that is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from controlplane.deployments.models import BranchDeployment, CodeLocation, Deployment, DeploymentKind, LocationVersion
from controlplane.fleet.abilities import inability
from controlplane.fleet.health import AgentState
from controlplane.fleet.reach import live_reaches
from controlplane.fleet.selectors import AgentView
from tenants.credentials.models import BlockedAgent
from tenants.grants import Place
from tenants.reach import Reach


@dataclass(frozen=True)
class Served:
    """Something that agents may be asked to serve; it need not be there yet.

    `place` is the deployment, `place_words` how people call it; `base` the full deployment of a branch.
    """

    place: Place
    place_words: str
    location: str
    queue: str
    base: str = ""
    from_source: bool = False
    isolated: bool = False


@dataclass(frozen=True)
class Answer:
    """Whether one agent would serve it. Without `reasons` it does; with any of them it may once they are gone."""

    view: AgentView
    reasons: list[str]

    @property
    def serves(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Serving:
    """What every agent of the organization answers; who serves it comes first."""

    wanted: Served
    answers: list[Answer]

    @property
    def served(self) -> bool:
        return any(answer.serves for answer in self.answers)

    @property
    def unserved(self) -> str | None:
        """What is missing, for people; None when somebody serves it. The agent that lacks least is named."""
        if self.served:
            return None
        what = f"{self.wanted.location or 'Code'} in {self.wanted.place_words}"
        if not self.answers:
            return f"No agent serves {what}: there is none yet. Start one with the queue {self.wanted.queue}."
        nearest = min(self.answers, key=lambda answer: len(answer.reasons))
        return f"No agent serves {what}. The nearest is {nearest.view.agent.name}: {'; '.join(nearest.reasons).rstrip('.')}."


def served(location: CodeLocation, version: LocationVersion | None) -> Served:
    """A code location that is there; needs `deployment` loaded. Call it inside org_scope."""
    return served_there(served_by_name(location.deployment, location="", queue=""), location, version)


def served_there(anything: Served, location: CodeLocation, version: LocationVersion | None) -> Served:
    """A code location of a deployment, from what is asked of anything in it. No query."""
    from_source = version is not None and bool(version.source_sha256 or version.image)
    return replace(anything, location=location.name, queue=location.queue, from_source=from_source)


def served_by_name(deployment: Deployment, *, location: str, queue: str) -> Served:
    """One that may be deployed later. Call it inside org_scope."""
    org_id, is_branch = deployment.org_id, deployment.kind == DeploymentKind.BRANCH
    parents = Deployment.objects.for_org(org_id).filter(id__in=filter(None, [deployment.parent_id]))
    forks = BranchDeployment.objects.for_org(org_id).filter(deployment_id=deployment.id, is_fork=True)
    return Served(
        place=deployment.place,
        place_words=deployment.name,
        location=location,
        queue=queue,
        base=(parents.values_list("name", flat=True).first() or "") if is_branch else deployment.name,
        isolated=is_branch and forks.exists(),
    )


def branches_of(deployment: Deployment, *, location: str, queue: str) -> Served:
    """Any branch of a full deployment that may be opened."""
    place = Place(id=_NOBODY, is_branch=True, parent_id=deployment.id)
    words = f"branches of {deployment.name}"
    return Served(place=place, place_words=words, location=location, queue=queue, base=deployment.name)


# No deployment has it.
_NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Agents:
    """Every agent of an organization, what its token reaches, by token, and who of them is blocked: to be asked about many locations."""

    views: Sequence[AgentView]
    reaches: Mapping[UUID, Reach]
    blocked: frozenset[UUID]

    def asked(self, wanted: Served) -> Serving:
        """What each of them says to it. No query."""
        answers = [Answer(view, self._reasons(view, wanted)) for view in self.views]
        return Serving(wanted, sorted(answers, key=lambda answer: (not answer.serves, answer.view.agent.name)))

    def _reasons(self, view: AgentView, wanted: Served) -> list[str]:
        agent = view.agent
        found = ["it is blocked; let it in again on its page"] if agent.id in self.blocked else []
        if wanted.queue not in agent.queues:
            found.append(f"it does not serve the queue {wanted.queue}, only {', '.join(agent.queues)}")
        found += missing_reach(self.reaches.get(agent.token_id), wanted)
        found += filter(None, [inability(agent, from_source=wanted.from_source, isolated=wanted.isolated)])
        if view.state != AgentState.CONNECTED:
            found.append(f"it takes no work now: {view.cause.rstrip('.')}")
        return found


def asking(org_id: UUID, agents: Sequence[AgentView]) -> Agents:
    """The agents with what is to be known before they are asked. Call it inside org_scope."""
    blocked = BlockedAgent.objects.for_org(org_id).values_list("agent_id", flat=True)
    return Agents(agents, live_reaches(org_id, agents), frozenset(blocked))


def serving(org_id: UUID, agents: Sequence[AgentView], wanted: Served) -> Serving:
    """Ask each of the agents. Call it inside org_scope."""
    return asking(org_id, agents).asked(wanted)


def missing_reach(reach: Reach | None, wanted: Served) -> list[str]:
    """What the token of an agent lacks for it, for people; empty when it has all."""
    if reach is None:
        return ["its token was revoked or has expired; start it with another"]
    found = []
    if not reach.has_place(wanted.place):
        found.append(_missing_place(reach, wanted))
    if not reach.has_queue(wanted.queue):
        found.append(f"its token does not reach the queue {wanted.queue}")
    if reach.code_locations is not None and wanted.location and wanted.location not in reach.code_locations:
        found.append(f"its token does not reach the code location {wanted.location}")
    return found


def _missing_place(reach: Reach, wanted: Served) -> str:
    if not wanted.place.is_branch:
        return f"its token does not reach the deployment {wanted.place_words}; add it under Settings, Agent tokens"
    if wanted.place.is_fork and not reach.forks:
        return "its token does not reach branches of forks; allow them under Settings, Agent tokens"
    lacks = "serves no branch deployments" if not reach.has_branches else f"does not reach {wanted.place_words}"
    return f"its token {lacks}; allow branches of {wanted.base} under Settings, Agent tokens"
