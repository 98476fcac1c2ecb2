"""Commands: leased to their agent, delivered again until it says that they are durable with it, then never again.

Lock order: runs and attempts first (claim_runs, leases.note_accepted), then commands. Everything here joins the caller's transaction.
"""

import datetime
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, F, Q, QuerySet, Value
from django.db.models.expressions import Case, When
from django.db.models.functions import Now

from agent.protocol import AttemptRef
from controlplane.dispatch.launches import launch_body
from controlplane.dispatch.models import Command, CommandKind, CommandState
from controlplane.fleet.models import Agent
from controlplane.runs import leases
from controlplane.runs.admission import claim_runs
from controlplane.runs.input_records import input_records
from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from tenants.scoping import org_scope

OPEN = (CommandState.PENDING, CommandState.LEASED)
# An agent accepts within one round trip. Delivering once more costs little, a lost answer costs this long.
_LONGEST_DELIVERY_SECONDS = 10.0


def accept_commands(*, org_id: UUID, agent_id: UUID, command_ids: Sequence[str]) -> None:
    """These are durable on the agent: never deliver them again. Ids that are not this agent's are ignored."""
    mine = _open(org_id, agent_id).filter(id__in=_ids(command_ids))
    launched = _attempts(mine.filter(kind=CommandKind.LAUNCH))
    if launched:
        leases.note_accepted(org_id=org_id, agent_id=agent_id, attempts=launched)
    mine.update(state=CommandState.ACCEPTED, lease_until=None)


def lease_commands(*, org_id: UUID, agent: Agent, free_slots: int) -> list[Command]:
    """What the agent should do now, oldest first: what was not accepted in time, new cancels, and runs for its free slots."""
    _cancel_runs(org_id, agent)
    is_due = _whether(Q(state=CommandState.PENDING) | Q(lease_until__lte=Now()))
    found = _open(org_id, agent.id).annotate(due=is_due, overdue=_whether(Q(expires_at__lte=Now())))
    open_ = list(found.select_for_update(skip_locked=True).order_by("id"))
    past = _launches_of_the_past(org_id, agent, open_) | {command.id for command in open_ if command.overdue}
    _expire(org_id, past)
    waiting = [command for command in open_ if command.id not in past]
    under_way = sum(command.kind == CommandKind.LAUNCH for command in waiting)
    due = [command for command in waiting if command.due]
    if due:
        # The agent counts its lease from the delivery, so ours must not end sooner.
        leases.prolong(org_id=org_id, agent_id=agent.id, attempts=_attempts(due))
        Command.objects.for_org(org_id).filter(id__in=[command.id for command in due]).update(
            state=CommandState.LEASED, deliveries=F("deliveries") + 1, lease_until=Now() + _delivery_lease()
        )
    return due + launch_runs(org_id=org_id, agent=agent, slots=free_slots - under_way)


def launch_runs(*, org_id: UUID, agent: Agent, slots: int) -> list[Command]:
    """Claim runs for this agent and lease their launches to it."""
    claimed = {claim.run_id: claim for claim in claim_runs(org_id=org_id, agent=agent, slots=slots)}
    if not claimed:
        return []
    runs = Run.objects.for_org(org_id).in_bulk(list(claimed))
    inputs = input_records(org_id, list(runs.values()))
    commands = [
        Command(
            org_id=org_id,
            agent_id=agent.id,
            kind=CommandKind.LAUNCH,
            state=CommandState.LEASED,
            run_id=claim.run_id,
            attempt=claim.attempt,
            version_id=claim.version_id,
            body=launch_body(runs[claim.run_id], claim, inputs.get(claim.run_id)),
            lease_until=Now() + _delivery_lease(),
            deliveries=1,
        )
        for claim in claimed.values()
    ]
    return Command.unscoped.bulk_create(commands)


def give_back(*, org_id: UUID, command_ids: Iterable[UUID]) -> None:
    """They were leased, but the answer could not be sent: the next poll gets them."""
    with org_scope(org_id):
        leased = Command.objects.for_org(org_id).filter(id__in=list(command_ids), state=CommandState.LEASED)
        leased.update(state=CommandState.PENDING, lease_until=None)


def deliver_again(*, org_id: UUID, agent: Agent) -> None:
    """The agent's process is new: what the one before did not accept, it does not have."""
    _open(org_id, agent.id).filter(state=CommandState.LEASED).update(state=CommandState.PENDING, lease_until=None)


def _cancel_runs(org_id: UUID, agent: Agent) -> None:
    """A Cancel for every attempt of this agent that is being cancelled and has none yet."""
    canceling = Run.objects.for_org(org_id).filter(status=RunStatus.CANCELING, agent_id=agent.id)
    wanted = {(run.id, run.attempt): run for run in canceling.only("id", "attempt", "epoch")}
    if not wanted:
        return
    run_ids = [run_id for run_id, _attempt in wanted]
    known = Command.objects.for_org(org_id).filter(kind=CommandKind.CANCEL, run_id__in=run_ids)
    sent = set(known.values_list("run_id", "attempt"))
    Command.unscoped.bulk_create(
        Command(
            org_id=org_id,
            agent_id=agent.id,
            kind=CommandKind.CANCEL,
            run_id=run.id,
            attempt=run.attempt,
            body={
                "run_id": str(run.id),
                "attempt": run.attempt,
                "epoch": run.epoch,
                "grace": settings.RUN_CANCEL_GRACE_SECONDS,
            },
        )
        for key, run in wanted.items()
        if key not in sent
    )


def _launches_of_the_past(org_id: UUID, agent: Agent, commands: Iterable[Command]) -> set[UUID]:
    """Those whose run has ended or went on elsewhere: they must not be delivered."""
    launches = [command for command in commands if command.kind == CommandKind.LAUNCH]
    if not launches:
        return set()
    held = Run.objects.for_org(org_id).filter(
        id__in=[command.run_id for command in launches],
        agent_id=agent.id,
        status__in=[RunStatus.STARTING, RunStatus.STARTED, RunStatus.CANCELING],
    )
    current = set(held.values_list("id", "attempt"))
    return {command.id for command in launches if (command.run_id, command.attempt) not in current}


def _expire(org_id: UUID, command_ids: Collection[UUID]) -> None:
    """They are of the past, or calls that nobody waits for any more."""
    if command_ids:
        gone = Command.objects.for_org(org_id).filter(id__in=command_ids)
        gone.update(state=CommandState.EXPIRED, finished_at=Now())


def _whether(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _attempts(commands: Iterable[Command]) -> list[AttemptRef]:
    return [
        AttemptRef(run_id=str(command.run_id), attempt=command.attempt or 0, epoch=command.body["spec"]["epoch"])
        for command in commands
        if command.kind == CommandKind.LAUNCH
    ]


def _ids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def _open(org_id: UUID, agent_id: UUID) -> QuerySet[Command]:
    return Command.objects.for_org(org_id).filter(agent_id=agent_id, state__in=OPEN)


def _delivery_lease() -> datetime.timedelta:
    return datetime.timedelta(seconds=min(settings.LEASE_SECONDS, _LONGEST_DELIVERY_SECONDS))
