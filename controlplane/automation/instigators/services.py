"""What people do with schedules and sensors: turn on and off, for a while too, leave to the code again, set a cursor.

Each is one transaction with its audit row, and asks for the right on the whole code location.
"""

import datetime
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.instigators.running import STATE, has_ticks, is_timed, settle
from controlplane.automation.instigators.selectors import WRITES, may, require, why_gone
from controlplane.automation.models import Choice, Instigator, InstigatorKind
from controlplane.automation.ticks.answers import CURSOR_CHARS, plain
from controlplane.core import wakeups
from controlplane.deployments.branches import is_branch, wake
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.organizations import require_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

# A timed run is for trying something out.
LONGEST_TIMED_RUN = datetime.timedelta(days=7)
MOST_TIMED_TICKS = 10_000
# An audit row tells what a cursor was, not all of a large one.
_AUDITED_CHARS = 500

Change = Callable[[Instigator, datetime.datetime, bool], None]


def start(visible: Visible, row: Instigator, *, actor: Actor) -> Instigator:
    """Let it run from now on. ConflictError when its code does not define it any more; nothing happens to one that people turned on."""
    return _change(visible, row, actor, "start", _turn_on(actor))


def start_for(visible: Visible, row: Instigator, *, minutes: int | None, ticks: int | None, actor: Actor) -> Instigator:
    """Let it run for so many minutes, or so many ticks, whichever is over first; then it turns itself off.

    In a branch deployment it keeps the branch awake meanwhile. InvalidError for no bound, or too large a one; ConflictError for one
    that is on for good, which would be off at the end.
    """
    if minutes is None and ticks is None:
        raise InvalidError("Say for how many minutes or ticks it is to run.", attr="minutes")
    longest = int(LONGEST_TIMED_RUN.total_seconds() // 60)
    if minutes is not None and not 1 <= minutes <= longest:
        raise InvalidError(f"A timed run takes 1 to {longest} minutes.", attr="minutes")
    if ticks is not None and not 1 <= ticks <= MOST_TIMED_TICKS:
        raise InvalidError(f"A timed run takes 1 to {MOST_TIMED_TICKS} ticks.", attr="ticks")
    if not has_ticks(row):
        raise ConflictError("Sensors of automation conditions have no ticks of their own: start or stop them.")
    return _change(visible, row, actor, "start_timed", _turn_on(actor, minutes=minutes, ticks=ticks))


def stop(visible: Visible, row: Instigator, *, actor: Actor) -> Instigator:
    """Let it not run, whatever its code says, until somebody turns it on; also one that is not defined, or whose code does not load.

    A tick that is being evaluated is not taken.
    """

    def turn_off(held: Instigator, now: datetime.datetime, of_branch: bool) -> None:
        _choose(held, Choice.STOPPED, actor, now)
        settle(held, now, of_branch=of_branch)

    return _change(visible, row, actor, "stop", turn_off)


def reset(visible: Visible, row: Instigator, *, actor: Actor) -> Instigator:
    """Leave it to the code again: its default_status; in a branch deployment that is off."""

    def leave(held: Instigator, now: datetime.datetime, of_branch: bool) -> None:
        held.choice, held.chosen_by, held.chosen_at = "", "", None
        held.runs_until = held.ticks_left = None
        settle(held, now, of_branch=of_branch, at_once=True)

    return _change(visible, row, actor, "reset", leave)


def set_cursor(visible: Visible, row: Instigator, *, cursor: str | None, actor: Actor) -> Instigator:
    """Let a sensor go on from this cursor; None: as if it had never run.

    ConflictError while a tick of it is being evaluated, whose own cursor would overwrite this one.
    """
    if row.kind != InstigatorKind.SENSOR or not has_ticks(row):
        raise InvalidError("Only sensors that have ticks have a cursor.", attr="cursor")
    if cursor is not None and (len(cursor) > CURSOR_CHARS or plain(cursor) != cursor):
        raise InvalidError(f"A cursor is text of at most {CURSOR_CHARS} characters.", attr="cursor")

    def put(held: Instigator, _now: datetime.datetime, _of_branch: bool) -> None:
        if held.open_tick_id is not None:
            raise ConflictError("It is being evaluated right now. Stop it first, or try again in a moment.")
        held.cursor = cursor
        if cursor is None:
            held.last_run_key = None

    return _change(visible, row, actor, "set_cursor", put, permission=Permission.SENSOR_CURSOR_WRITE)


def start_all(visible: Visible, found: Iterable[Instigator], *, actor: Actor) -> list[Instigator]:
    """Turn on all of these that are defined and that the caller may; the others are left as they are."""
    return [start(visible, row, actor=actor) for row in found if row.is_defined and _may_write(visible, row)]


def stop_all(visible: Visible, found: Iterable[Instigator], *, actor: Actor) -> list[Instigator]:
    """Turn off all of these that the caller may."""
    return [stop(visible, row, actor=actor) for row in found if _may_write(visible, row)]


def _may_write(visible: Visible, row: Instigator) -> bool:
    return may(visible, WRITES[InstigatorKind(row.kind)], row)


def require_write(visible: Visible, row: Instigator) -> None:
    """ForbiddenError unless the caller may turn it on and off."""
    require(visible, WRITES[InstigatorKind(row.kind)], row)


def note(row: Instigator, actor: Actor, verb: str, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The audit row of a change; call it inside org_scope."""
    record(
        org_id=row.org_id,
        actor=actor,
        action=f"{row.kind}.{verb}",
        target=AuditTarget(row.kind, row.id, row.name),
        before=before,
        after={"code_location": row.location_name, **after},
        deployment_id=row.deployment_id,
    )


def _turn_on(actor: Actor, *, minutes: int | None = None, ticks: int | None = None) -> Change:
    def turn_on(held: Instigator, now: datetime.datetime, of_branch: bool) -> None:
        if not held.is_defined:
            raise ConflictError(why_gone(held))
        if (minutes is not None or ticks is not None) and held.is_running and not is_timed(held):
            raise ConflictError(
                f"{held.name} is already on, for good: a timed run would turn it off at its end. Turn it off first if you want that."
            )
        _choose(held, Choice.RUNNING, actor, now)
        held.runs_until = now + datetime.timedelta(minutes=minutes) if minutes is not None else None
        held.ticks_left = ticks
        if of_branch:
            wake(org_id=held.org_id, deployment_id=held.deployment_id)
        settle(held, now, of_branch=of_branch, at_once=True)

    return turn_on


def _choose(row: Instigator, choice: Choice, actor: Actor, now: datetime.datetime) -> None:
    row.choice, row.chosen_by, row.chosen_at = choice, actor.label[:254], now
    row.runs_until = row.ticks_left = None


def _change(
    visible: Visible,
    row: Instigator,
    actor: Actor,
    verb: str,
    change: Change,
    *,
    permission: Permission | None = None,
) -> Instigator:
    require(visible, permission or WRITES[InstigatorKind(row.kind)], row)
    org_id = visible.org_id
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, row.deployment_id)
        held = locked(org_id, row.id)
        before = _facts(held)
        change(held, held.asked_at, is_branch(org_id, held.deployment_id))  # type: ignore[attr-defined]  # annotated by locked
        after = _facts(held)
        if before == after:
            return held
        held.save(update_fields=[*STATE, "chosen_by", "chosen_at"])
        changed = {name for name in before if before[name] != after[name]}
        note(
            held,
            actor,
            verb,
            before={name: _short(before[name]) for name in sorted(changed)},
            after={name: _short(after[name]) for name in sorted(changed)},
        )
        wakeups.wake(f"org:{org_id}:automation")
        return held


def locked(org_id: UUID, instigator_id: UUID) -> Instigator:
    """The row with `asked_at`, the database's time; NotFoundError when it is gone. Call it inside org_scope."""
    rows = Instigator.objects.for_org(org_id).select_for_update(no_key=True).annotate(asked_at=Now())
    found = rows.filter(id=instigator_id).first()
    if found is None:
        raise NotFoundError("This schedule or sensor is gone.")
    return found


def _facts(row: Instigator) -> dict[str, Any]:
    """What an audit row tells of it, and what tells whether anything changed."""
    return {
        "choice": str(row.choice) or "by code",
        "runs_until": row.runs_until.isoformat() if row.runs_until else None,
        "ticks_left": row.ticks_left,
        "running": row.is_running,
        "cursor": row.cursor,
    }


def _short(value: Any) -> Any:
    return value[:_AUDITED_CHARS] if isinstance(value, str) else value
