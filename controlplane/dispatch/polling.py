"""The long-poll. While it waits it holds a coroutine: no thread, no transaction, no connection."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from msgspec import structs

from agent.protocol import Desired, Poll, Work
from controlplane.core.listening import listen
from controlplane.core.threads import in_pool
from controlplane.dispatch import services
from controlplane.dispatch.agent_credentials import renewed
from controlplane.dispatch.callers import BLOCKED, Caller, authenticate_once, parsed_id
from controlplane.dispatch.endpoints import agent_view
from controlplane.dispatch.errors import BootstrapOnlyError, SupersededError, UnauthenticatedError, UnknownAgentError
from controlplane.dispatch.launches import on_the_wire
from controlplane.dispatch.lost_wakeups import HeldPoll, held_polls
from controlplane.dispatch.outlook import Outlook, look
from controlplane.dispatch.selectors import desired_locations, timing
from controlplane.dispatch.threads import POLLS
from controlplane.dispatch.wire import check_protocol, read_message
from controlplane.fleet import services as fleet
from controlplane.fleet.models import Agent
from tenants.access import check_address
from tenants.addresses import client_address
from tenants.authentication import UNBELIEVED
from tenants.networks import is_inside
from tenants.scoping import org_scope


@dataclass(frozen=True)
class _Ask:
    """A poll, understood: who asks, and what."""

    caller: Caller
    agent_id: UUID
    message: Poll
    address: str


@dataclass(frozen=True)
class _Found:
    """The answer, or None; and the token and the queues of the agent."""

    work: Work | None
    token_id: UUID
    queues: frozenset[str]


@agent_view("POST")
async def poll(request: HttpRequest) -> Work:
    """Answer at once when there is something to do, or when there is, or empty after `poll_wait` seconds."""
    ask = await in_pool(POLLS, _understood, request)
    org_id, now = ask.caller.org.id, asyncio.get_running_loop().time
    async with listen(f"agent:{ask.agent_id}", f"queue:{org_id}") as listener:
        found = await _take(ask, first=True)
        queues = found.queues if ask.message.free_slots > 0 else frozenset()
        with held_polls().holding(HeldPoll(listener, org_id, ask.agent_id, found.token_id, queues)):
            until = now() + settings.AGENT_POLL_WAIT_SECONDS
            while found.work is None and await listener.wait(until - now()):
                found = await _take(ask, first=False)
    work, credential = found.work or Work(timing=timing()), ask.caller.credential
    return structs.replace(work, credential=renewed(credential)) if credential and credential.is_due else work


def _understood(request: HttpRequest) -> _Ask:
    check_protocol(request)
    caller = authenticate_once(request)
    message = read_message(request, Poll)
    return _Ask(caller, parsed_id(message.agent_id), message, client_address(request))


async def _take(ask: _Ask, *, first: bool) -> _Found:
    """Look for work in a thread. When the agent hung up meanwhile, what was leased to it is given back."""
    looking = asyncio.ensure_future(in_pool(POLLS, _find_work, ask, first=first))
    try:
        return await asyncio.shield(looking)
    except asyncio.CancelledError:
        work = (await looking).work
        if work is not None and work.commands:
            ids = [UUID(command.command_id) for command in work.commands]
            await in_pool(POLLS, services.give_back, org_id=ask.caller.org.id, command_ids=ids)
        raise


def _find_work(ask: _Ask, *, first: bool) -> _Found:
    """What the agent should do or load now. The first look also keeps what the poll said."""
    org_id, message = ask.caller.org.id, ask.message
    with org_scope(org_id):
        outlook = _checked(look(org_id, ask.agent_id), ask)
        if first and message.accepted:
            services.accept_commands(org_id=org_id, agent_id=ask.agent_id, command_ids=message.accepted)
        work = _work(ask, outlook)
        if first:
            fleet.note_poll(org_id=org_id, agent_id=ask.agent_id, message=message)
    return _Found(work=work, token_id=outlook.token_id, queues=frozenset(outlook.queues))


def _checked(outlook: Outlook | None, ask: _Ask) -> Outlook:
    caller = ask.caller
    if outlook is not None and not outlook.is_token_live:
        raise UnauthenticatedError
    if outlook is None or caller.token is None or outlook.token_id != caller.token.id:
        raise UnknownAgentError
    if caller.credential is not None and caller.credential.agent_id != ask.agent_id:
        raise UnknownAgentError
    if outlook.boot_id != ask.message.boot_id or (caller.credential and caller.credential.boot_id != outlook.boot_id):
        raise SupersededError
    if outlook.is_blocked:
        raise UnauthenticatedError(BLOCKED)
    if outlook.reach.bootstrap_only and caller.credential is None:
        raise BootstrapOnlyError
    if not is_inside(ask.address, outlook.token_networks):
        raise UnauthenticatedError(UNBELIEVED)
    check_address(replace(ask.caller.org, allowed_networks=tuple(outlook.allowed_networks)), ask.address)
    return outlook


def _work(ask: _Ask, outlook: Outlook) -> Work | None:
    org_id, message = ask.caller.org.id, ask.message
    idle = outlook.is_idle(free_slots=message.free_slots)
    if idle and message.desired_etag == outlook.desired_etag:
        return None
    agent = Agent.objects.for_org(org_id).get(id=ask.agent_id)
    commands = (
        []
        if idle
        else services.lease_commands(org_id=org_id, agent=agent, free_slots=outlook.slots(message.free_slots))
    )
    desired = None
    if message.desired_etag != outlook.desired_etag:
        desired = Desired(etag=outlook.desired_etag, locations=desired_locations(org_id, agent, outlook.reach))
    if not commands and desired is None:
        return None
    return Work(commands=[on_the_wire(org_id, command) for command in commands], desired=desired, timing=timing())
