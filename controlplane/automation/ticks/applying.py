"""What comes of a tick, stored at once: its status, its instigator's cursor, dynamic partitions, reported events and requested runs.

All of it is in the transaction that keeps the agent's answer, so that it happens once or not at all. An answer to an older question of
the same tick, or to a tick that is over, changes nothing.
"""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from agent.protocol import AGENT_RESTARTED
from controlplane.automation.conditions.backfilling import store_of_tick
from controlplane.automation.instigators.running import wants_to_run
from controlplane.automation.models import Instigator, InstigatorKind, RequestSource, Tick, TickStatus
from controlplane.automation.requests import Asker, store
from controlplane.automation.ticks import asking, launching
from controlplane.automation.ticks.answers import (
    Answer,
    PartitionsChange,
    backfills_of,
    failed_answer,
    log_text,
    plain,
    read,
    runs_of,
    short,
)
from controlplane.automation.ticks.endings import conclude, end, save_skipped
from controlplane.automation.ticks.policies import LOST_OFTEN, Policies
from controlplane.definitions import selectors as definitions
from controlplane.deployments.models import LocationVersion
from controlplane.dispatch.calls import Answered
from controlplane.runs import instance_writes as writes
from controlplane.runs.instance_scope import Scope
from tenants.errors import AppError, InvalidError, NotFoundError

log = structlog.get_logger(__name__)

TURNED_OFF = "It was turned off while this tick was evaluated: nothing of it was taken."


def take_answers(org_id: UUID, answers: Sequence[Answered]) -> None:
    """Act on what an agent answered; a dispatch.calls.Outcome. Call it inside org_scope.

    Most ticks ask for nothing: those are saved together.
    """
    rows, ticks = _locked(org_id, answers)
    if not ticks:
        return
    policies, now = Policies(org_id, {tick.deployment_id for tick in ticks}), ticks[0].asked_at  # type: ignore[attr-defined]  # annotated by _locked
    given = {answer.command_id: answer for answer in answers}
    skipped: list[tuple[Tick, Answer]] = []
    for tick in ticks:
        assert tick.command_id is not None, "it was chosen by it"
        answer, row = given[tick.command_id], rows[tick.instigator_id]
        of_branch = policies.of_branch(tick.deployment_id)
        if not tick.asked_by and not (row.is_running and wants_to_run(row, of_branch=of_branch)):
            tick.skip_reason = TURNED_OFF
            end(tick, row, TickStatus.SKIPPED, now, of_branch=of_branch)
        elif _ended_with_agent(answer):
            _ask_again(tick, row, now, of_branch=of_branch)
        elif (nothing := _asks_for_nothing(answer)) is not None:
            skipped.append((tick, nothing))
        else:
            _take_apart(tick, row, answer, now, of_branch=of_branch)
    # Last: what `take` cannot store it reads again.
    ended = [
        tick
        for tick, nothing in skipped
        if _skip(tick, rows[tick.instigator_id], nothing, now, of_branch=policies.of_branch(tick.deployment_id))
    ]
    if ended:
        save_skipped(org_id, ended, [rows[row_id] for row_id in {tick.instigator_id for tick in ended}])


def _ended_with_agent(answered: Answered) -> bool:
    return answered.error is not None and answered.error.get("cls") == AGENT_RESTARTED


def _ask_again(tick: Tick, row: Instigator, now: datetime.datetime, *, of_branch: bool) -> None:
    """The agent restarted meanwhile, which says nothing of the code."""
    if asking.ask_again(tick, now, "Its agent restarted while it was evaluated."):
        tick.save(update_fields=[*asking.ASKED, "waiting_since"])
    else:
        end(tick, row, TickStatus.FAILURE, now, of_branch=of_branch, reason=LOST_OFTEN)


def _take_apart(tick: Tick, row: Instigator, answer: Answered, now: datetime.datetime, *, of_branch: bool) -> None:
    """As `take`. A mistake of ours with one answer loses none of the others: its tick ends when its time is over."""
    try:
        with transaction.atomic():
            take(tick, row, answer.result, answer.error, now, of_branch=of_branch)
    except (OperationalError, InterfaceError):
        # The agent sends it again.
        raise
    except Exception:
        log.exception("tick.not_taken", org=str(tick.org_id), tick=str(tick.id))
        row.refresh_from_db()


def _skip(tick: Tick, row: Instigator, nothing: Answer, now: datetime.datetime, *, of_branch: bool) -> bool:
    """End a tick that asked for nothing, saving it not; False as in `_take_apart`."""
    try:
        tick.skip_reason, tick.log = short(nothing.skip), log_text(nothing.log)
        _move_on(tick, row, nothing)
        conclude(tick, row, TickStatus.SKIPPED, now, of_branch=of_branch)
    except Exception:
        log.exception("tick.not_taken", org=str(tick.org_id), tick=str(tick.id))
        row.refresh_from_db()
        return False
    return True


def _locked(org_id: UUID, answers: Sequence[Answered]) -> tuple[dict[UUID, Instigator], list[Tick]]:
    """The ticks that still wait for these very answers, and their instigators by id."""
    found = Tick.objects.for_org(org_id).filter(
        id__in=[answer.subject_id for answer in answers],
        command_id__in=[answer.command_id for answer in answers],
        status=TickStatus.STARTED,
    )
    ids = set(found.values_list("instigator_id", flat=True))
    held = Instigator.objects.for_org(org_id).select_for_update(no_key=True)
    rows = {row.id: row for row in held.filter(id__in=ids).order_by("id")}
    ticks = found.filter(instigator_id__in=rows.keys()).select_for_update(no_key=True)
    return rows, list(ticks.annotate(asked_at=Now()).order_by("id"))


def _asks_for_nothing(answered: Answered) -> Answer | None:
    """The answer of a tick that succeeded and changes no more than its cursor; None for any other, and for what is no answer."""
    if answered.error is not None:
        return None
    try:
        answer = read(answered.result)
    except InvalidError:
        return None
    has_effects = (
        answer.error or answer.requests or answer.dynamic_partitions or answer.reactions or answer.asset_events
    )
    if has_effects or (answer.cursor is not None and plain(answer.cursor) != answer.cursor):
        return None
    return answer


def take(
    tick: Tick,
    row: Instigator,
    result: Any,
    error: dict[str, Any] | None,
    now: datetime.datetime,
    *,
    of_branch: bool,
) -> None:
    """Store what came of a tick, or why nothing does; both are locked. Call it inside org_scope."""
    try:
        # With an error comes the log of what led to it.
        answer = read(result if error is None else failed_answer(result, error))
        tick.log = log_text(answer.log)
        if answer.error is not None:
            end(tick, row, TickStatus.FAILURE, now, of_branch=of_branch, error=answer.error)
            return
        with transaction.atomic():
            _apply(tick, row, answer, now, of_branch=of_branch)
    except (AppError, DataError, ValueError) as refused:
        # What user code wrote and we cannot take: nothing of it is, and the tick says why.
        log.warning("tick.not_applied", tick=str(tick.id), error=str(refused))
        reason = refused.message if isinstance(refused, AppError) else f"It cannot be stored: {refused}"
        _undo(tick, row)
        end(tick, row, TickStatus.FAILURE, now, of_branch=of_branch, reason=plain(reason))


def _undo(tick: Tick, row: Instigator) -> None:
    tick.cursor_after, tick.requested, tick.dynamic_partitions, tick.reactions = None, 0, [], []
    row.refresh_from_db(fields=["cursor", "last_run_key", "open_tick_id", "failures_in_a_row", "last_tick_at"])


def _apply(tick: Tick, row: Instigator, answer: Answer, now: datetime.datetime, *, of_branch: bool) -> None:
    scope = Scope(tick.org_id, tick.deployment_id)
    tick.dynamic_partitions = [_change_partitions(scope, change) for change in answer.dynamic_partitions]
    writes.report_events(scope, [reported.event for reported in answer.asset_events])
    tick.requested = _store_requests(tick, row, answer)
    tick.reactions = [
        {"run_id": one.run_id, "status": one.status, "error": one.error is not None} for one in answer.reactions
    ]
    tick.skip_reason = short(answer.skip)
    _move_on(tick, row, answer)
    # A run-status sensor's reactions have had their effects: the cursor moves on, though one of them failed.
    failed = next((one.error for one in answer.reactions if one.error is not None), None)
    status = TickStatus.SUCCESS if answer.requests or answer.reactions else TickStatus.SKIPPED
    end(tick, row, TickStatus.FAILURE if failed else status, now, of_branch=of_branch, error=failed)


def _move_on(tick: Tick, row: Instigator, answer: Answer) -> None:
    if row.kind != InstigatorKind.SENSOR:
        return
    if answer.cursor is not None and plain(answer.cursor) != answer.cursor:
        raise InvalidError("The cursor holds characters that cannot be stored.")
    row.cursor = tick.cursor_after = answer.cursor
    keys = [request.run_key for request in answer.requests if request.run_key]
    row.last_run_key = plain(keys[-1]) if keys else row.last_run_key


def _change_partitions(scope: Scope, change: PartitionsChange) -> dict[str, Any]:
    """As it was applied: keys that were there already, or not there, change nothing."""
    if change.op == "add":
        writes.add_dynamic_partitions(scope, writes.AddDynamicPartitions(name=change.name, partitions=change.keys))
    elif change.op == "delete":
        writes.delete_dynamic_partitions(scope, change.name, change.keys)
    else:
        raise InvalidError(f"A tick adds or deletes dynamic partitions; {change.op!r} is neither.")
    return {"op": change.op, "name": change.name, "keys": change.keys}


def _store_requests(tick: Tick, row: Instigator, answer: Answer) -> int:
    """How many runs it asks for; backfills are stored beside them."""
    if not answer.requests:
        return 0
    manifest = _manifest(tick)
    if asked := runs_of(answer, tick, row, manifest):
        asker = Asker(RequestSource.TICK, tick.id, tick.deployment_id, instigator_id=row.id)
        store(tick.org_id, asker, asked)
        launching.after_commit(tick.org_id, tick.id, len(asked))
    for backfill in backfills_of(answer, tick, row, manifest):
        store_of_tick(tick, row, backfill)
    return len(asked)


def _manifest(tick: Tick) -> Any:
    """The definitions of the version that evaluated it."""
    versions = LocationVersion.objects.for_org(tick.org_id).filter(id__in=[tick.version_id])
    sha256 = versions.values_list("manifest_sha256", flat=True).first()
    if not sha256:
        raise NotFoundError("The version of the code location that evaluated this tick was deleted.")
    return definitions.manifest(tick.org_id, sha256)
