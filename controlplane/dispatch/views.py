"""The endpoints of agents, one function each (agent.protocol says what they mean). The long-poll is in polling.py."""

import time

from django.http import HttpRequest, HttpResponse
from msgspec import structs

from agent import protocol as wire
from controlplane.core.threads import in_pool
from controlplane.definitions import selectors as definitions
from controlplane.definitions.services import store_file
from controlplane.deployments.loading import record_load
from controlplane.dispatch import services
from controlplane.dispatch.agent_credentials import issue_credential, renewed
from controlplane.dispatch.callers import (
    BLOCKED,
    Caller,
    authenticate,
    calling_agent,
    check_attempts,
    check_process,
    check_version,
    parsed_id,
)
from controlplane.dispatch.endpoints import agent_view, endpoint
from controlplane.dispatch.environments import environment_of
from controlplane.dispatch.errors import UnauthenticatedError
from controlplane.dispatch.results import store_result, store_results
from controlplane.dispatch.selectors import timing
from controlplane.dispatch.sources import archive_for_agent
from controlplane.dispatch.threads import DELIVERIES
from controlplane.dispatch.wire import check_protocol, read_body, read_message
from controlplane.environment.services import note_agent_key
from controlplane.fleet import selectors as agents
from controlplane.fleet import services as fleet
from controlplane.fleet.models import Agent
from controlplane.runs import ingest, instance_view, leases, log_store
from controlplane.runs.flow import require_flow
from tenants.credentials.selectors import is_blocked
from tenants.limits.models import QuotaName
from tenants.scoping import org_scope


@agent_view("POST")
async def register(request: HttpRequest) -> wire.Registered:
    """Know the agent, and tell it who it is."""
    return await in_pool(DELIVERIES, _register, request)


def _register(request: HttpRequest) -> wire.Registered:
    version = check_protocol(request)
    caller = authenticate(request, registering=True)
    message = read_message(request, wire.Register)
    assert caller.token is not None  # run tokens are not accepted here
    org_id, token = caller.org.id, caller.token
    with org_scope(org_id):
        agent = fleet.register_agent(
            org_id=org_id,
            token_id=token.id,
            protocol_version=version,
            message=message,
            reach=token.reach,
            address=caller.address,
        )
        if is_blocked(org_id, agent.id):
            raise UnauthenticatedError(BLOCKED)
        services.deliver_again(org_id=org_id, agent=agent)
        if message.public_key and message.key_id:
            note_agent_key(org_id=org_id, agent_id=agent.id, key_id=message.key_id, public_key=message.public_key)
    return wire.Registered(
        agent_id=str(agent.id),
        organization=caller.org.slug,
        timing=timing(),
        server_time=time.time(),
        credential=issue_credential(org_id=org_id, token_id=token.id, agent_id=agent.id, boot_id=agent.boot_id),
    )


@endpoint(wire.Heartbeat)
def heartbeat(caller: Caller, message: wire.Heartbeat) -> wire.Leases:
    """Renew what the agent holds."""
    with org_scope(caller.org.id):
        agent = calling_agent(caller, message.agent_id, boot_id=message.boot_id)
        held = leases.renew(org_id=caller.org.id, agent_id=agent.id, attempts=message.attempts)
        fleet.note_heartbeat(org_id=caller.org.id, agent_id=agent.id)
    credential = caller.credential
    due = credential is not None and credential.is_due
    return structs.replace(held, credential=renewed(credential)) if credential and due else held


@endpoint(wire.EventBatch, run_tokens=True)
def events(caller: Caller, batch: wire.EventBatch) -> wire.EventsStored:
    """Store events, each once."""
    check_attempts(caller, {(part.run_id, part.attempt, part.epoch) for part in batch.attempts})
    org_id, speaker = caller.org.id, _Speaker(caller, batch.agent_id)
    require_flow(org_id, QuotaName.EVENTS_PER_SECOND, sum(len(part.events) for part in batch.attempts))
    stored = ingest.store_events(org_id=org_id, agent_id=speaker.agent_id, batch=batch, check=speaker.check)
    fleet.note_events(speaker.agent)
    return stored


@endpoint(wire.LogBatch, run_tokens=True)
def logs(caller: Caller, batch: wire.LogBatch) -> wire.LogsStored:
    """Append to captured logs."""
    check_attempts(caller, {(part.run_id, part.attempt, part.epoch) for part in batch.chunks})
    org_id, speaker = caller.org.id, _Speaker(caller, batch.agent_id)
    require_flow(org_id, QuotaName.LOG_BYTES_PER_SECOND, sum(len(chunk.data) for chunk in batch.chunks))
    stored = log_store.append_batch(org_id=org_id, agent_id=speaker.agent_id, batch=batch, check=speaker.check)
    fleet.note_events(speaker.agent)
    return stored


@endpoint(wire.Read, run_tokens=True)
def read(caller: Caller, message: wire.Read) -> wire.ReadAnswer:
    """Answer what user code asks of its instance."""
    run = message.run
    check_attempts(caller, {(run.run_id, run.attempt, run.epoch)} if run else {("", 0, 0)})
    _agent(caller, message.agent_id)
    if run is None:
        with org_scope(caller.org.id):
            check_version(caller, parsed_id(message.version_id or ""))
    return wire.ReadAnswer(result=instance_view.answer(caller.org.id, message))


@endpoint(wire.EnvironmentAsk)
def environment(caller: Caller, message: wire.EnvironmentAsk) -> wire.LocationEnvironment:
    """The values of a location's variables, to an agent that serves it: in this answer and nowhere else."""
    with org_scope(caller.org.id):
        agent = calling_agent(caller, message.agent_id)
        return environment_of(agent=agent, reach=caller.reach, version_id=parsed_id(message.version_id))


@endpoint(wire.CommandResult)
def results(caller: Caller, message: wire.CommandResult) -> None:
    """Keep the answer of a call."""
    with org_scope(caller.org.id):
        store_result(org_id=caller.org.id, agent=calling_agent(caller, message.agent_id), message=message)


@endpoint(wire.CommandResults)
def many_results(caller: Caller, message: wire.CommandResults) -> None:
    """Keep the answers of many calls, all or none."""
    with org_scope(caller.org.id):
        agent = calling_agent(caller, message.agent_id)
        store_results(org_id=caller.org.id, agent=agent, results=message.results)


@endpoint(wire.DefinitionsHave)
def definitions_missing(caller: Caller, message: wire.DefinitionsHave) -> wire.DefinitionsMissing:
    """Which files to upload."""
    with org_scope(caller.org.id):
        check_process(caller)
    return wire.DefinitionsMissing(sha256s=definitions.missing(caller.org.id, message.sha256s))


@agent_view("PUT")
async def upload_definitions(request: HttpRequest, sha256: str) -> None:
    """Keep a manifest or snapshot."""
    await in_pool(DELIVERIES, _upload_definitions, request, sha256)


def _upload_definitions(request: HttpRequest, sha256: str) -> None:
    check_protocol(request)
    caller = authenticate(request)
    with org_scope(caller.org.id):
        check_process(caller)
    store_file(org_id=caller.org.id, sha256=sha256, gzip_bytes=read_body(request))


@agent_view("GET")
async def source(request: HttpRequest, sha256: str) -> HttpResponse:
    """A source archive, for an agent that serves what is made of it."""
    return await in_pool(DELIVERIES, _source, request, sha256)


def _source(request: HttpRequest, sha256: str) -> HttpResponse:
    check_protocol(request)
    content = archive_for_agent(authenticate(request), sha256)
    return HttpResponse(content, content_type="application/gzip")


@endpoint(wire.LocationReport)
def locations(caller: Caller, report: wire.LocationReport) -> None:
    """Note what came of loading a version."""
    org_id, version_id = caller.org.id, parsed_id(report.version_id)
    with org_scope(org_id):
        agent = calling_agent(caller, report.agent_id)
        # What it may not serve any more, it may still unload.
        if report.state is not wire.LocationState.UNLOADED:
            check_version(caller, version_id)
        elsewhere = agents.loaded_elsewhere(org_id, version_id, than=agent.id)
        record_load(org_id=org_id, version_id=version_id, report=report, loaded_elsewhere=elsewhere)
        fleet.record_location(org_id=org_id, agent_id=agent.id, version_id=version_id, report=report)


@endpoint(wire.Goodbye)
def goodbye(caller: Caller, message: wire.Goodbye) -> None:
    """The agent stops. Attempts that it hands over run on; their leases end if nobody comes back for them."""
    with org_scope(caller.org.id):
        agent = calling_agent(caller, message.agent_id, boot_id=message.boot_id)
        fleet.note_goodbye(org_id=caller.org.id, agent_id=agent.id, address=caller.address)


class _Speaker:
    """The agent that delivers, looked at in the transaction that stores what it says: one transaction less, many times a second."""

    def __init__(self, caller: Caller, agent_id: str) -> None:
        self._caller, self._named = caller, agent_id
        self.agent_id = parsed_id(agent_id)

    def check(self) -> None:
        """As `calling_agent`; call it inside org_scope."""
        self.agent = calling_agent(self._caller, self._named)


def _agent(caller: Caller, agent_id: str) -> Agent:
    with org_scope(caller.org.id):
        return calling_agent(caller, agent_id)
