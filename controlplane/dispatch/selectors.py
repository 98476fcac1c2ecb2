"""What an agent should have loaded, its timing, and where in the whole installation work waits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from agent.protocol import DesiredLocation, Source, Target, Timing
from controlplane.deployments import source_archives
from controlplane.deployments.models import (
    BranchDeployment,
    CodeLocation,
    DeploymentKind,
    LocationVersion,
    VersionState,
)
from controlplane.dispatch.models import Command, CommandState
from controlplane.environment.delivery import fingerprints
from controlplane.fleet.abilities import inability
from controlplane.fleet.models import Agent, AgentLocation
from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from tenants.credentials.models import BlockedAgent
from tenants.models import ApiToken
from tenants.reach import Reach


def desired_locations(org_id: UUID, agent: Agent, reach: Reach) -> list[DesiredLocation]:
    """Every location version this agent should have loaded, within its token's reach; call it inside org_scope.

    outlook.py has the fingerprint of it.
    """
    of_queues = (
        CodeLocation.objects.for_org(org_id)
        .filter(queue__in=agent.queues, deployment__is_awake=True)
        .select_related("deployment", "desired", "current")
        .order_by("id")
    )
    locations = [row for row in of_queues if reach.covers(row.deployment.place, location=row.name, queue=row.queue)]
    loaded = _loaded(org_id, agent) if any(row.current_id != row.desired_id for row in locations) else set()
    wanted = [(row, version) for row in locations for version in _versions(row, loaded)]
    wanted += _of_starting_runs(org_id, agent, {version.id for _row, version in wanted})
    forks = _forks(org_id, wanted)
    # SECURITY: an agent that knows no isolation would give code of strangers all that it has itself.
    wanted = [
        (row, version)
        for row, version in wanted
        if not inability(
            agent, from_source=bool(version.source_sha256 or version.image), isolated=row.deployment_id in forks
        )
    ]
    environments = fingerprints(org_id, wanted)
    sizes = source_archives.sizes(org_id, {version.source_sha256 for _row, version in wanted})
    return [
        _on_the_wire(row, version, environments[version.id], sizes, isolated=row.deployment_id in forks)
        for row, version in wanted
    ]


def _forks(org_id: UUID, wanted: Iterable[tuple[CodeLocation, LocationVersion]]) -> set[UUID]:
    """Which of their deployments hold code of strangers."""
    ids = {row.deployment_id for row, _version in wanted if row.deployment.kind == DeploymentKind.BRANCH}
    rows = BranchDeployment.objects.for_org(org_id).filter(deployment_id__in=ids, is_fork=True)
    return set(rows.values_list("deployment_id", flat=True)) if ids else set()


def _loaded(org_id: UUID, agent: Agent) -> set[UUID]:
    rows = AgentLocation.objects.for_org(org_id).filter(agent_id=agent.id, state=VersionState.LOADED)
    return set(rows.values_list("version_id", flat=True))


def _versions(location: CodeLocation, loaded: set[UUID]) -> Iterator[LocationVersion]:
    """What should be loaded, and until it is, what serves now."""
    if location.desired is not None:
        yield location.desired
    if location.current is not None and location.current != location.desired and location.desired_id not in loaded:
        yield location.current


def _of_starting_runs(org_id: UUID, agent: Agent, known: set[UUID]) -> list[tuple[CodeLocation, LocationVersion]]:
    """Versions of runs that were claimed and have not started: their launch may still be under way."""
    starting = Run.objects.for_org(org_id).filter(agent_id=agent.id, status=RunStatus.STARTING)
    wanted = {version for version in starting.values_list("version_id", flat=True) if version not in known}
    versions = LocationVersion.objects.for_org(org_id).filter(id__in=wanted).order_by("id")
    return [(version.location, version) for version in versions.select_related("location", "location__deployment")]


def _on_the_wire(
    location: CodeLocation, version: LocationVersion, environment: str, sizes: Mapping[str, int], *, isolated: bool
) -> DesiredLocation:
    sha256 = version.source_sha256
    return DesiredLocation(
        version_id=str(version.id),
        deployment=location.deployment.name,
        name=location.name,
        target=msgspec.convert(version.target, Target),
        environment=environment,
        isolated=isolated,
        source=Source(sha256=sha256, bytes=sizes.get(sha256, 0)) if sha256 else None,
        image=version.image or None,
        container_context=version.container_context,
    )


def timing() -> Timing:
    """The seconds that agents keep, as the settings say now."""
    return Timing(
        poll_wait=settings.AGENT_POLL_WAIT_SECONDS,
        heartbeat=settings.AGENT_HEARTBEAT_SECONDS,
        lease=settings.LEASE_SECONDS,
        lease_grace=settings.LEASE_GRACE_SECONDS,
        outage=settings.AGENT_OUTAGE_SECONDS,
        event_flush=settings.AGENT_EVENT_FLUSH_SECONDS,
        log_flush=settings.AGENT_LOG_FLUSH_SECONDS,
    )


def refused_callers(token_ids: Iterable[UUID], agent_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Which of these tokens are dead, and which of these agents blocked."""
    reason = "end polls whose token was revoked, or whose agent was blocked"
    dead = Q(revoked_at__isnull=False) | Q(expires_at__lte=Now())
    tokens = ApiToken.objects.across_orgs(reason=reason).filter(dead, id__in=list(token_ids))
    agents = BlockedAgent.objects.across_orgs(reason=reason).filter(agent_id__in=list(agent_ids))
    return frozenset([*tokens.values_list("id", flat=True), *agents.values_list("agent_id", flat=True)])


@dataclass(frozen=True)
class WaitingWork:
    """Where something waits, in the whole installation: ids only."""

    agents: frozenset[UUID]
    queues: frozenset[tuple[UUID, str]]

    def concerns(self, *, org_id: UUID, agent_id: UUID, queues: frozenset[str]) -> bool:
        return agent_id in self.agents or any((org_id, queue) in self.queues for queue in queues)


def waiting_work() -> WaitingWork:
    """For the sweep that makes good lost wake-ups: one look for all polls of a process."""
    reason = "wake polls whose wake-up was lost"
    due = Q(state=CommandState.PENDING) | Q(state=CommandState.LEASED, lease_until__lte=Now())
    commands = Command.objects.across_orgs(reason=reason).filter(due)
    queued = Run.objects.across_orgs(reason=reason).filter(status=RunStatus.QUEUED)
    canceling = (
        Run.objects.across_orgs(reason=reason).filter(status=RunStatus.CANCELING).values_list("agent_id", flat=True)
    )
    return WaitingWork(
        agents=frozenset(
            [*commands.values_list("agent_id", flat=True), *(agent_id for agent_id in canceling if agent_id)]
        ),
        queues=frozenset(queued.values_list("org_id", "queue").distinct()),
    )
