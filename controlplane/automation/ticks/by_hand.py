"""Ticks that people ask for: one now; a test whose outcome is shown and stored nowhere; and that outcome, applied as it was shown."""

import datetime
import math
import zlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models.functions import Now

from controlplane.automation.instigators.running import STATE, has_ticks
from controlplane.automation.instigators.selectors import instigator_by_id, why_gone
from controlplane.automation.instigators.services import locked, note, require_write
from controlplane.automation.models import Instigator, InstigatorKind, SensorRunKey, Tick, TickStatus
from controlplane.automation.ticks import applying
from controlplane.automation.ticks.answers import Answer, failed_answer, plain, read
from controlplane.automation.ticks.asking import ask, question, version_of
from controlplane.automation.ticks.firing import new_tick
from controlplane.automation.ticks.policies import Policies
from controlplane.core import rate_limits
from controlplane.deployments.branches import is_branch
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.dispatch.calls import call_worker
from controlplane.dispatch.errors import CallFailedError
from tenants.access import Actor
from tenants.errors import ConflictError, InvalidError, NotFoundError, TooManyError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

_SALT = "daggerboard.tick.preview"
# Long enough to read a preview; what it asked for is old after that.
_PREVIEW_SECONDS = 3600
# Somebody waits for a test: it takes no longer, whatever a tick may.
TEST_SECONDS = 60.0
_TESTS_AT_ONCE = 10
_TESTS_PER_SECOND = 0.25
_AUDITED_CHARS = 200


@dataclass(frozen=True)
class Preview:
    """What a tick would do now. `token` applies exactly this; empty where there is nothing to apply.

    `used` are the places of the requests that make no run, for their run key was used before or is in the same answer twice.
    """

    answer: Answer
    error: dict[str, Any] | None
    cursor_before: str | None
    token: str
    used: frozenset[int] = frozenset()

    @property
    def makes(self) -> int:
        """How many runs it would make."""
        return len(self.answer.requests) - len(self.answer.backfills) - len(self.used)

    @property
    def asks(self) -> str:
        """What it asks for, such as `2 runs and 1 backfill`."""
        made = len(self.answer.backfills)
        counts = ((len(self.answer.requests) - made, "run"), (made, "backfill"))
        return " and ".join(f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count)


def tick_now(visible: Visible, row: Instigator, *, actor: Actor) -> Tick:
    """Evaluate it once, whether it runs or not, and act on what comes of it. ConflictError while a tick of a sensor is open."""
    _require_tickable(visible, row)
    org_id = visible.org_id
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, row.deployment_id)
        held = locked(org_id, row.id)
        now = held.asked_at  # type: ignore[attr-defined]  # annotated by locked
        if held.open_tick_id is not None:
            raise ConflictError("It is being evaluated right now. Try again when that tick has ended.")
        tick = new_tick(held, now, now, asked_by=actor.label)
        ask(org_id, [tick], {held.id: held}, Policies(org_id, [held.deployment_id]), now)
        Tick.unscoped.bulk_create([tick])
        if held.kind == InstigatorKind.SENSOR:
            held.open_tick_id, held.next_tick_at = tick.id, None
            held.save(update_fields=list(STATE))
        note(held, actor, "tick", before={}, after={"tick": str(tick.id)})
    return tick


def preview(
    visible: Visible,
    row: Instigator,
    *,
    actor: Actor,
    cursor: str | None = None,
    use_cursor: bool = False,
    due: datetime.datetime | None = None,
) -> Preview:
    """What it would do, evaluated by user code and stored nowhere: a schedule at `due` or now, a sensor from its cursor or, with
    `use_cursor`, from another. Waits for the answer: call it outside any transaction.

    ConflictError when no code is loaded. UnavailableError when no agent has it, or it does not answer in time;
    TooManyError when the organization asks for many. What
    user code raises is in `error`.
    """
    _require_tickable(visible, row)
    org_id = visible.org_id
    _take_turn(org_id)
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, row.deployment_id)
        held = _as_it_is(org_id, row.id)
        version_id = version_of(org_id, held)
        if version_id is None:
            raise ConflictError(f"The code location {held.location_name} has loaded no code.")
        timeout = min(Policies(org_id, [held.deployment_id]).timeout(held), TEST_SECONDS)
        now = held.asked_at  # type: ignore[attr-defined]  # annotated by _as_it_is
        before = held.cursor
        held.cursor = cursor if use_cursor else before
        # It runs user code, which may do anything.
        note(held, actor, "test", before={}, after={"cursor": plain(held.cursor or "")[:_AUDITED_CHARS]})
    op, args = question(held, due or now)
    try:
        result = call_worker(org_id=org_id, version_id=version_id, op=op, args=args, timeout=timeout)
    except CallFailedError as failed:
        answer = read(failed_answer(failed.result, failed.error))
        return Preview(answer, error=failed.error, cursor_before=held.cursor, token="")
    answer = read(result)
    if answer.error is not None:
        return Preview(answer, error=answer.error, cursor_before=held.cursor, token="")
    of = due if held.kind == InstigatorKind.SCHEDULE else None
    token = sign_preview(held.id, version_id, at=now, cursor=before, result=result, due=of)
    return Preview(answer, None, held.cursor, token, used=_used_keys(held, answer))


def _used_keys(row: Instigator, answer: Answer) -> frozenset[int]:
    """A sensor's run keys are used once for good, a schedule's once in a tick."""
    keys = [request.run_key for request in answer.requests]
    used: set[str] = set()
    if row.kind == InstigatorKind.SENSOR and any(keys):
        with org_scope(row.org_id):
            rows = SensorRunKey.objects.for_org(row.org_id).filter(instigator_id=row.id, run_id__isnull=False)
            used.update(rows.filter(run_key__in=[plain(key) for key in keys if key]).values_list("run_key", flat=True))
    found = set[int]()
    for place, key in enumerate(keys):
        if key and plain(key) in used:
            found.add(place)
        elif key:
            used.add(plain(key))
    return frozenset(found)


def _take_turn(org_id: UUID) -> None:
    """Each may hold a thread of ours as long as user code takes: with a minute for each, some 25 of one organization at once."""
    wait = rate_limits.take(f"tick-tests:{org_id}", per_second=_TESTS_PER_SECOND, burst=_TESTS_AT_ONCE)
    if wait:
        raise TooManyError(f"This organization tests many schedules and sensors. Try again in {math.ceil(wait)} s.")


def _as_it_is(org_id: UUID, instigator_id: UUID) -> Instigator:
    """With `asked_at`, the database's time; held by nobody, so that it ticks meanwhile. NotFoundError when it is gone."""
    found = Instigator.objects.for_org(org_id).annotate(asked_at=Now()).filter(id=instigator_id).first()
    if found is None:
        raise NotFoundError("This schedule or sensor is gone.")
    return found


def sign_preview(
    instigator_id: UUID,
    version_id: UUID,
    *,
    at: datetime.datetime,
    cursor: str | None,
    result: Any,
    due: datetime.datetime | None = None,
) -> str:
    """What applies this result of a test, as long as the cursor is this. `due`: the time of a schedule that was tested, if not `at`."""
    place = {"row": str(instigator_id), "version": str(version_id), "at": at.isoformat()}
    place |= {"due": due.isoformat()} if due is not None else {}
    return signing.dumps({**place, "before": cursor, "result": result}, salt=_SALT, compress=True)


def apply_preview(visible: Visible, token: str, *, actor: Actor, row: Instigator | None = None) -> Tick:
    """Act on a preview exactly as it was shown: a tick of its own. ConflictError when the sensor's cursor has moved since."""
    signed = _read_token(token)
    known = instigator_by_id(visible, UUID(signed["row"]))
    if row is not None and known.id != row.id:
        raise InvalidError("This is the preview of another schedule or sensor.", attr="token")
    _require_tickable(visible, known)
    org_id = visible.org_id
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, known.deployment_id)
        held = locked(org_id, known.id)
        now = held.asked_at  # type: ignore[attr-defined]  # annotated by locked
        if held.cursor != signed["before"] or held.open_tick_id is not None:
            raise ConflictError("It has been evaluated since this preview. Preview it again.")
        tick = new_tick(held, datetime.datetime.fromisoformat(signed["at"]), now, asked_by=actor.label)
        if Tick.objects.for_org(org_id).filter(id=tick.id).exists():
            raise ConflictError("This preview was applied already. Preview it again.")
        if "due" in signed:
            # Its id stays that of the test: the clock may have made a tick of this time.
            tick.due_at = datetime.datetime.fromisoformat(signed["due"])
        tick.status, tick.started_at, tick.version_id = TickStatus.STARTED, now, UUID(signed["version"])
        tick.cursor_before = held.cursor
        Tick.unscoped.bulk_create([tick])
        applying.take(tick, held, signed["result"], None, now, of_branch=is_branch(org_id, held.deployment_id))
        note(held, actor, "apply", before={}, after={"tick": str(tick.id)})
    with org_scope(org_id):
        return Tick.objects.for_org(org_id).annotate(asked_at=Now()).get(id=tick.id)


def _read_token(token: str) -> dict[str, Any]:
    try:
        signed: dict[str, Any] = signing.loads(token, salt=_SALT, max_age=_PREVIEW_SECONDS)
    except signing.SignatureExpired as error:
        raise ConflictError("This preview is older than an hour. Preview it again.", attr="token") from error
    except (signing.BadSignature, ValueError, zlib.error) as error:
        raise InvalidError(
            "This is no preview of ours. Take the token from the preview's answer.", attr="token"
        ) from error
    return signed


def _require_tickable(visible: Visible, row: Instigator) -> None:
    require_write(visible, row)
    if not row.is_defined:
        raise ConflictError(why_gone(row))
    if not has_ticks(row):
        raise ConflictError("This sensor holds automation conditions, which are evaluated without ticks.")
