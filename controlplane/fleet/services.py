"""What we note of agents when they speak to us. All times are the database's; a note never takes a lock that a run waits for."""

import datetime
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from agent.protocol import HostFacts, LocationReport, LocationState, Poll, Register
from controlplane.core import recordsets, wakeups
from controlplane.deployments.models import VersionState
from controlplane.fleet import audit_trail
from controlplane.fleet.models import Agent, AgentLocation
from tenants.errors import ForbiddenError, InvalidError
from tenants.models import ApiToken
from tenants.people.places import places
from tenants.reach import EVERYTHING, Reach
from tenants.scoping import org_scope

_MAX_NAME = 100
_MAX_QUEUES = 50
_NOTED_EVERY = datetime.timedelta(seconds=3)


# In SQL, because thousands of held polls begin anew every few seconds.
_NOTE_POLL = """
    UPDATE agent SET last_poll_at = now(), stopped_at = NULL, draining = %s, free_slots = %s, spooled_events = %s
    WHERE org_id = %s AND id = %s
"""


def register_agent(
    *,
    org_id: UUID,
    token_id: UUID,
    protocol_version: str,
    message: Register,
    reach: Reach = EVERYTHING,
    address: str = "",
) -> Agent:
    """Know an agent by its name, new or back again. A new process has nothing loaded; the one before it is not heard any more.

    `address` is where it calls from.

    ForbiddenError for queues outside the reach of its token, and for the name of an agent whose token reaches further.
    """
    _check(message)
    _check_queues(message, reach)
    with org_scope(org_id):
        fields = _facts(token_id, protocol_version, message)
        row = Agent(org_id=org_id, name=message.name, **fields)
        Agent.unscoped.bulk_create([row], ignore_conflicts=True)
        agent = Agent.objects.for_org(org_id).select_for_update().get(name=message.name)
        _check_name_is_free(agent, token_id, reach)
        if agent.boot_id != message.boot_id or agent.id == row.id:
            AgentLocation.objects.for_org(org_id).filter(agent_id=agent.id).delete()
        Agent.objects.for_org(org_id).filter(id=agent.id).update(
            **fields, registered_at=Now(), stopped_at=None, draining=False
        )
        audit_trail.note_registration(agent, message, is_new=agent.id == row.id, address=address)
        # The poll of the process before ends now.
        wakeups.wake(f"agent:{agent.id}", f"org:{org_id}:agents")
        return Agent.objects.for_org(org_id).get(id=agent.id)


def note_poll(*, org_id: UUID, agent_id: UUID, message: Poll) -> None:
    """The agent asks for work."""
    facts = [message.draining, _integer(message.free_slots), _integer(message.spooled_events)]
    recordsets.execute(_NOTE_POLL, [*facts, org_id, agent_id])


def note_heartbeat(*, org_id: UUID, agent_id: UUID) -> None:
    """The agent renews its leases."""
    _agent(org_id, agent_id).update(last_heartbeat_at=Now())


def note_events(agent: Agent) -> None:
    """The agent delivered events or logs. They come many times a second: noted every few seconds only."""
    last = agent.last_events_at
    if last is None or timezone.now() - last > _NOTED_EVERY:
        with org_scope(agent.org_id):
            _agent(agent.org_id, agent.id).update(last_events_at=Now())


def note_goodbye(*, org_id: UUID, agent_id: UUID, address: str = "") -> None:
    """The agent's process stops, by itself; its workers stop with it."""
    with org_scope(org_id):
        for agent in _agent(org_id, agent_id).filter(stopped_at=None):
            audit_trail.note_goodbye(agent, address=address)
        _agent(org_id, agent_id).update(stopped_at=Now(), free_slots=0)
        AgentLocation.objects.for_org(org_id).filter(agent_id=agent_id).delete()
        wakeups.wake(f"org:{org_id}:agents")


def record_location(*, org_id: UUID, agent_id: UUID, version_id: UUID, report: LocationReport) -> None:
    """What the agent says of one location version. Its next poll may get runs for it, and fewer versions to keep."""
    with org_scope(org_id):
        if report.state is LocationState.UNLOADED:
            AgentLocation.objects.for_org(org_id).filter(agent_id=agent_id, version_id=version_id).delete()
        else:
            row = AgentLocation(
                org_id=org_id,
                agent_id=agent_id,
                version_id=version_id,
                state=VersionState(report.state.value),
                mode=(report.mode or "")[:12],
                rss_bytes=report.rss_bytes,
            )
            AgentLocation.unscoped.bulk_create(
                [row],
                update_conflicts=True,
                unique_fields=["org_id", "agent_id", "version_id"],
                update_fields=["state", "mode", "rss_bytes", "reported_at"],
            )
        wakeups.wake(f"agent:{agent_id}")


def _agent(org_id: UUID, agent_id: UUID) -> QuerySet[Agent]:
    return Agent.objects.for_org(org_id).filter(id=agent_id)


def _integer(number: int) -> int:
    """As Postgres' integer can hold it."""
    return min(max(0, number), 2**31 - 1)


def _check(message: Register) -> None:
    names = [("name", message.name), *(("queues", queue) for queue in message.queues)]
    for attr, text in names:
        if not text.strip() or len(text) > _MAX_NAME or not text.isprintable():
            raise InvalidError(f"{text[:40]!r} is no name: 1 to {_MAX_NAME} printable characters.", attr=attr)
    if not message.queues or len(message.queues) > _MAX_QUEUES:
        raise InvalidError(f"An agent serves 1 to {_MAX_QUEUES} queues.", attr="queues")


def _check_queues(message: Register, reach: Reach) -> None:
    outside = sorted(queue for queue in message.queues if not reach.has_queue(queue))
    if outside:
        raise ForbiddenError(
            f"The token of this agent does not reach the queue {outside[0]}. It reaches {', '.join(sorted(reach.queues or ()))}: "
            "start the agent with those, or have the reach of its token widened.",
            attr="queues",
        )


def _check_name_is_free(agent: Agent, token_id: UUID, reach: Reach) -> None:
    """SECURITY: whoever registers under a name gets what its agent was given: launches, and the events and reads of its runs."""
    if agent.token_id == token_id:
        return
    before = ApiToken.objects.for_org(agent.org_id).filter(id=agent.token_id).first()
    reached = Reach.parse(before.reach) if before is not None else EVERYTHING
    named = places(agent.org_id, reached.deployments) if reached.deployments else {}
    if not reach.includes(reached, {place_id: found.place for place_id, found in named.items()}):
        raise ForbiddenError(
            f"There is an agent {agent.name} already, whose token reaches further than this one. Start this agent under another "
            "name (--name), or with a token that reaches as far.",
            attr="name",
        )


def _facts(token_id: UUID, protocol_version: str, message: Register) -> dict[str, object]:
    host: HostFacts = message.host
    return {
        "boot_id": message.boot_id[:64],
        "token_id": token_id,
        "queues": sorted({queue[:100] for queue in message.queues}),
        "agent_version": message.agent_version[:40],
        "protocol_version": protocol_version[:10],
        "host": msgspec.to_builtins(host),
    }
