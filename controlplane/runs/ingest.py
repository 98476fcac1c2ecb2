"""Events in, exactly once. A batch is stored with one INSERT, and all that follows from it is applied in the same transaction.

The rule per attempt: events are taken in the order of `seq`, each once, and only as far as there is no gap. The answer is the highest
`seq` without a gap; the agent goes on from there. An attempt that is not this agent's any more is answered `fenced`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog
from django.db import DatabaseError, OperationalError

from agent.protocol import AttemptEvents, AttemptStored, Event, EventBatch, EventsStored
from controlplane.catalog import projections as catalog
from controlplane.core import recordsets
from controlplane.insights.pricing import default_price_book
from controlplane.runs import event_bounds, fold_storing, transitions
from controlplane.runs.folding import AttemptChange, Fold
from controlplane.runs.locking import LockedAttempt, LockedRun, lock_attempts, lock_runs
from controlplane.runs.refs import understood
from controlplane.runs.states import AttemptState
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Deadlocks of projections that touch the same assets, and serialization failures, go away by themselves.
_TRANSIENT = frozenset({"40P01", "40001"})
_TRIES = 3
# Bounds the memory of one statement, on both sides.
_INSERT_EVENTS = 5000


class EventRow(msgspec.Struct):
    """One row of run_event, as the statement below reads it."""

    r: UUID
    a: int
    q: int
    t: float
    y: str
    l: int  # noqa: E741 - one-letter names travel with each event
    s: str | None
    m: str
    d: msgspec.Raw | None
    e: msgspec.Raw | None


@dataclass(frozen=True)
class Stretch:
    """What a batch says of one attempt, its ids understood."""

    run_id: UUID
    attempt: int
    epoch: int
    events: Sequence[Event]


def store_events(
    *, org_id: UUID, agent_id: UUID, batch: EventBatch, check: Callable[[], object] | None = None
) -> EventsStored:
    """Store a batch and its effects. Never refuses for what user code wrote: an event that cannot be stored leaves a note.

    `check` looks whether the caller may, inside the same transaction: it raises, and then nothing is stored.
    """
    answers: dict[tuple[str, int], AttemptStored] = {}
    stretches = [stretch for stretch in map(_understood, batch.attempts) if stretch]
    try:
        stored = _stored(org_id, agent_id, stretches, check=check)
    except DatabaseError as error:
        if isinstance(error, OperationalError) and _sqlstate(error)[:2] not in {"22", "54"}:
            raise
        stored = _stored_piecemeal(org_id, agent_id, stretches, error)
    for (run_id, attempt), seq in stored.items():
        answers[str(run_id), attempt] = AttemptStored(
            run_id=str(run_id), attempt=attempt, stored=seq or 0, fenced=seq is None
        )
    return EventsStored(attempts=[_answer(asked, answers) for asked in batch.attempts])


def _understood(asked: AttemptEvents) -> Stretch | None:
    ref = understood(asked)
    return Stretch(ref.run_id, ref.attempt, ref.epoch, asked.events) if ref else None


def _answer(asked: AttemptEvents, answers: dict[tuple[str, int], AttemptStored]) -> AttemptStored:
    """Ids that mean nothing are as good as fenced: the agent drops that attempt."""
    nothing = AttemptStored(run_id=asked.run_id, attempt=asked.attempt, stored=0, fenced=True)
    return answers.get((asked.run_id.lower(), asked.attempt), nothing)


def _stored(
    org_id: UUID,
    agent_id: UUID,
    stretches: Sequence[Stretch],
    *,
    check: Callable[[], object] | None = None,
    tries: int = _TRIES,
) -> dict[tuple[UUID, int], int | None]:
    try:
        with org_scope(org_id):
            if check is not None:
                check()
            return _store(org_id, agent_id, stretches)
    except OperationalError as error:
        if tries <= 1 or _sqlstate(error) not in _TRANSIENT:
            raise
    return _stored(org_id, agent_id, stretches, check=check, tries=tries - 1)


def _stored_piecemeal(
    org_id: UUID, agent_id: UUID, stretches: Sequence[Stretch], error: DatabaseError
) -> dict[tuple[UUID, int], int | None]:
    """The database refused something in the batch: halve until it is alone, and store a note in its place."""
    if not stretches:
        return {}
    if len(stretches) == 1 and len(stretches[0].events) <= 1:
        [only] = stretches
        log.warning("ingest.event_left_out", run_id=str(only.run_id), error=str(error))
        note = [event_bounds.stripped(event) for event in only.events]
        return _stored(org_id, agent_id, [Stretch(only.run_id, only.attempt, only.epoch, note)])
    result: dict[tuple[UUID, int], int | None] = {}
    for half in _halves(stretches):
        try:
            result |= _stored(org_id, agent_id, half)
        except DatabaseError as again:
            result |= _stored_piecemeal(org_id, agent_id, half, again)
    return result


def _halves(stretches: Sequence[Stretch]) -> tuple[Sequence[Stretch], Sequence[Stretch]]:
    if len(stretches) > 1:
        middle = len(stretches) // 2
        return stretches[:middle], stretches[middle:]
    [only] = stretches
    events = sorted(only.events, key=lambda event: event.seq)
    middle = len(events) // 2
    first, second = (
        Stretch(only.run_id, only.attempt, only.epoch, part) for part in (events[:middle], events[middle:])
    )
    return [first], [second]


def _sqlstate(error: DatabaseError) -> str:
    return str(getattr(error.__cause__, "sqlstate", "") or "")


def _store(org_id: UUID, agent_id: UUID, stretches: Sequence[Stretch]) -> dict[tuple[UUID, int], int | None]:
    """Highest contiguous seq by attempt; None for the fenced ones."""
    run_ids = [stretch.run_id for stretch in stretches]
    runs, attempts = lock_runs(org_id, run_ids), lock_attempts(org_id, run_ids)
    fold, rows, result = Fold(prices=default_price_book()), list[EventRow](), dict[tuple[UUID, int], int | None]()
    changes: dict[tuple[UUID, int], AttemptChange] = {}
    for stretch in stretches:
        place = (stretch.run_id, stretch.attempt)
        attempt = attempts.get(place)
        if attempt is None or not _owns(agent_id, stretch, attempt):
            result[place] = None
            continue
        change = changes.setdefault(place, AttemptChange(runs[stretch.run_id], attempt, attempt.last_seq))
        _take(fold, change, stretch, rows)
        result[place] = change.last_seq
    fold.attempts = [change for change in changes.values() if change.events]
    if rows:
        with recordsets.pipelined():
            _save(org_id, fold, rows)
    return result


def _owns(agent_id: UUID, stretch: Stretch, attempt: LockedAttempt) -> bool:
    """Whether what this agent says of this attempt still counts."""
    return attempt.agent_id == agent_id and attempt.epoch == stretch.epoch and attempt.state != AttemptState.FENCED


def _take(fold: Fold, change: AttemptChange, stretch: Stretch, rows: list[EventRow]) -> None:
    run_id, number, now = stretch.run_id, stretch.attempt, change.run.now
    for event in _contiguous(stretch.events, change.last_seq):
        at = event_bounds.moment(event.ts, now)
        rows.append(_row(run_id, number, event, at))
        fold.add(change, event, at)
        change.last_seq = event.seq
        change.events += 1


def _contiguous(events: Sequence[Event], last: int) -> Iterator[Event]:
    """The events that come next, in order and without a gap."""
    for event in sorted(events, key=lambda event: event.seq):
        if event.seq == last + 1:
            yield event
            last = event.seq
        elif event.seq > last:
            return


def _row(run_id: UUID, attempt: int, event: Event, at: float) -> EventRow:
    return EventRow(
        run_id,
        attempt,
        event.seq,
        at,
        event.type[: event_bounds.TYPE_CHARS],
        event.level if 0 <= event.level <= 100 else 20,
        event_bounds.key(event.step) if event.step else None,
        event_bounds.message(event.message),
        event_bounds.detail(event.data),
        event_bounds.detail(event.error),
    )


_INSERT = """
    INSERT INTO run_event (org_id, run_id, attempt, seq, at, type, level, step_key, message, data, error)
    SELECT o.org_id, d.r, d.a, d.q, to_timestamp(d.t), d.y, d.l, d.s, d.m, d.d, d.e
    FROM jsonb_to_recordset(%s::jsonb) AS d(r uuid, a int, q bigint, t float8, y text, l smallint, s text, m text, d jsonb, e jsonb),
         (SELECT %s::uuid AS org_id) o
"""


def _save(org_id: UUID, fold: Fold, rows: list[EventRow]) -> None:
    for start in range(0, len(rows), _INSERT_EVENTS):
        recordsets.execute(_INSERT, [recordsets.rows(rows[start : start + _INSERT_EVENTS]), org_id])
    catalog.apply(org_id, fold.catalog)
    fold_storing.save_steps(org_id, fold)
    fold_storing.save_attempts(org_id, fold)
    runs: dict[UUID, LockedRun] = {change.run.id: change.run for change in fold.attempts}
    quiet = [run for run in runs.values() if not run.moved]
    transitions.save(org_id, runs.values())
    transitions.announce_events(quiet)
